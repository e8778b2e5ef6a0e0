"""How Tickplant is deployed: `local` runs everything as local processes; the other folders hold no Python."""
