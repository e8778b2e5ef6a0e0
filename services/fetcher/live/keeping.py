"""What the work of a source is called, and why it ended."""


def loop(source: str) -> str:
    """What the readiness of a source's work is reported under."""
    return f"source {source}"


def said(fault: BaseException) -> str:
    """The fault in one line; of a group its first."""
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return f"{type(fault).__name__}: {fault}"[:300]
