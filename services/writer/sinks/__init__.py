"""One store a module; each writes a batch twice with the effect of writing it once."""

from services.writer.sinks.postgres import PostgresSink

SINKS = {"postgres": PostgresSink}
