"""One JSON line per event on stderr; `origin`, `run_id` and `request_id` are the correlation ids, secrets never appear."""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO

import structlog

SECRET = ("password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "credential")
HIDDEN = "***"
# user:password@ of an address, and a parameter or an assignment that names a secret: `?api_key=…`, `password=…`.
_ADDRESS = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)")
_GIVEN = re.compile(rf"((?:{'|'.join(SECRET)})\w*[=:]\s*)[^\s&,;'\"]+", re.IGNORECASE)

_logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class _Lossy:
    """A stream that drops what it cannot write: a full disk under a log must not end the work that is logged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """The text's length, written or not."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As far as it can."""
        with suppress(OSError):
            self._stream.flush()


def configure(service: str, level: str) -> None:
    """Sets up structlog for the process, and the standard library's loggers (aiokafka, uvicorn) through it."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, _redact, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(_Lossy(sys.stderr)),  # type: ignore[arg-type]
    )
    global _logger
    _logger = structlog.get_logger().bind()  # made once: what is below the level then costs next to nothing
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def log() -> structlog.typing.FilteringBoundLogger:
    """The process's logger."""
    return _logger


def _redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        event[name] = redacted(name, value)
    return event


def redacted(name: str, value: Any) -> Any:
    """The value without secrets: hidden whole under a name that says so, else each that a text, a list or a mapping holds."""
    if any(word in name.lower() for word in SECRET):
        return HIDDEN
    if isinstance(value, str):
        return _GIVEN.sub(rf"\1{HIDDEN}", _ADDRESS.sub(HIDDEN, value)) if "=" in value or ":" in value else value
    if isinstance(value, dict):
        return {key: redacted(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(name, inner) for inner in value]
    return value
