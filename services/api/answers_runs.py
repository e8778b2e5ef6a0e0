"""The rows of answers about runs, their ledgers and what was rejected, written as `answers` says."""

from typing import Annotated

import msgspec

from services.api.answers import Time

Object = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]


class RejectedValue(msgspec.Struct, frozen=True):
    """One of several values of a record that were rejected for a reason: its index in the record, and why."""

    index: int
    message: str


class Reject(msgspec.Struct, frozen=True):
    """The values of a record that were rejected for one reason: `count` of them; `values` names the first, where there are several.

    `sample` is the beginning of the record, `origin` where the first of them was rejected.
    """

    reason: str
    message: str
    source: str
    run: str | None
    line: int | None
    origin: str
    received_at: Time
    sample: str
    count: int = 1
    values: list[RejectedValue] = []


class Rejects(msgspec.Struct, frozen=True):
    """How many were rejected for each reason, how often a field of a kept event became null, and samples, the newest first."""

    counts: dict[str, int]
    nulled: dict[str, int]
    results: list[Reject]
    next_url: str | None


class Run(msgspec.Struct, frozen=True):
    """A run, as it last reported itself."""

    run_id: str
    run_kind: str
    status: str
    source: str
    requested_at: Time
    updated_at: Time
    finished_at: Time | None
    request: Object
    sent: int
    bytes_read: int
    bytes_total: int
    attempts: int
    message: str


class RunCounts(Run, frozen=True):
    """A run with its result, its files and its ledger: received = stored + duplicate + rejected once it is finished."""

    result: Object
    output_files: dict[str, str]
    received: int
    stored: int
    duplicate: int
    rejected: int
    late: int
    rejected_by_reason: dict[str, int]
