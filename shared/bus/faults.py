"""Why Kafka did not take a record, where the answer decides what happens next."""

from aiokafka.errors import InvalidTimestampError


def misdated(fault: BaseException) -> bool:
    """Whether a record was refused for its timestamp: with that stamp it is refused again, whatever the clocks say by then."""
    cause: BaseException | None = fault
    while cause is not None and not isinstance(cause, InvalidTimestampError):
        cause = cause.__cause__
    return cause is not None
