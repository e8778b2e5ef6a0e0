"""What a service says about itself: `logs` (one JSON line each), `metrics` (every metric, in one place), `probes` (the own port)."""
