"""Label values that come with data, bounded: the first so many keep their names, all others share one."""

OTHER = "other"


class Names:
    """Known names of one label."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        """The name itself, or `other` once `most` are known."""
        if name not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(name)
        return name
