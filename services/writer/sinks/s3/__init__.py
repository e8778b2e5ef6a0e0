"""The archive's writer: every record of every topic in exactly one object.

`pending` decides what goes into which object and when one is whole; `uploads` stores whole ones and moves the positions; `archiver` is
the loop between Kafka and both.
"""

from services.writer.sinks.s3.archiver import Archiver

__all__ = ["Archiver"]
