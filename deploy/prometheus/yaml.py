"""YAML of dictionaries, lists and scalars: block style, strings in double quotes, which YAML reads as JSON does."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def dump(document: Mapping[str, Any], comment: str) -> str:
    """The document, with a comment above it."""
    return "\n".join([f"# {comment}", *_lines(document)]) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entry(f"{key}:", inner)
    else:
        for item in value:
            first, *rest = list(_lines(item)) if _nested(item) else [json.dumps(item, ensure_ascii=False)]
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)


def _entry(key: str, inner: Any) -> Iterator[str]:
    if _nested(inner):
        yield key
        yield from (f"  {line}" for line in _lines(inner))
    else:
        yield f"{key} {json.dumps(inner, ensure_ascii=False)}"


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping | Sequence) and not isinstance(value, str) and bool(value)
