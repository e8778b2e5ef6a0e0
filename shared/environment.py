"""An environment as the values of nested models: SECTION__NAME or a short alias of it, each also as a file; lists are comma separated.

It is given, not read: only `settings` modules do that.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

Values = dict[str, Any]


def read(environment: Mapping[str, str], settings: type[BaseModel], aliases: Mapping[str, str]) -> tuple[Values, list[str]]:
    """`{"kafka": {"bootstrap_servers": …}}` from KAFKA__BOOTSTRAP_SERVERS, and which files could not be read."""
    sections = dict(_sections(settings))
    told, faults = dict(environment), []
    for name in [*_names(sections), *aliases]:
        path = environment.get(f"{name}_FILE")
        if path is None or name in environment:
            continue
        try:
            told[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8"
            faults.append(f"{name}_FILE: cannot read {path}: {reason}")
    told |= {long: told[short] for short, long in aliases.items() if short in told}
    return _nested(told, sections), faults


def explain(fault: ValidationError) -> Iterable[str]:
    """What is wrong, by the names to change; never with the value, which may be a secret."""
    for error in fault.errors(include_input=False, include_url=False):
        yield f"{'__'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"


def _sections(settings: type[BaseModel]) -> Iterable[tuple[str, type[BaseModel]]]:
    for section, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield section, field.annotation


def _names(sections: Mapping[str, type[BaseModel]]) -> Iterable[str]:
    for section, model in sections.items():
        yield from (f"{section}__{name}".upper() for name in model.model_fields)


def _nested(told: Mapping[str, str], sections: Mapping[str, type[BaseModel]]) -> Values:
    values: Values = {}
    for section, model in sections.items():
        for name, inner in model.model_fields.items():
            given = told.get(f"{section}__{name}".upper())
            if given is not None:
                listed = str(inner.annotation).startswith("list")
                values.setdefault(section, {})[name] = given.split(",") if listed else given
    return values
