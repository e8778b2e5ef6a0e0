"""How a source's provider is reached for its past: address, key and pace, from the settings."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.errors import FileFault, Rejected
from shared.providers import HISTORY, provider_name
from shared.providers.venue import Budget, History
from shared.settings import Settings

SIMULATED = "-sim"


@dataclass(frozen=True)
class Access:
    """`shared` names the budget: sources with one key share it."""

    history: History
    base: str
    key: str = field(repr=False)
    budget: Budget
    shared: str
    page: int


def access(source: str, settings: Settings) -> Access:
    """Raises `FileFault` for a source that has no past, or that is simulated while the settings are not, or the other way round."""
    try:
        provider = provider_name(source)
    except Rejected as fault:
        raise FileFault(fault.message) from None
    if provider not in HISTORY:
        raise FileFault(f"{provider} cannot be asked for its past; these can: {', '.join(HISTORY)}")
    history, given = HISTORY[provider], settings.polygon
    if source.endswith(SIMULATED) != given.simulated:
        raise FileFault(f"source {source}: POLYGON__SIMULATED is {str(given.simulated).lower()}, and what is simulated ends in {SIMULATED}")
    budget = Budget(given.requests_per_minute, 60)
    page = min(given.page, history.PAGE)
    return Access(history, (given.base_url or history.REST).rstrip("/"), settings.keys.of(provider), budget, "polygon", page)


def same_place(base: str, url: str) -> bool:
    """Whether a URL leads where the base does, so that the key may go there too: scheme, host and port."""
    try:
        one, other = urlsplit(base), urlsplit(url)
        return (one.scheme, one.hostname, one.port, None) == (other.scheme, other.hostname, other.port, other.username)
    except ValueError:
        return False
