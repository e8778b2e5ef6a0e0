"""The OpenAPI document and the page at /docs, both made from the endpoints; the page needs nothing from elsewhere."""

from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import urlencode

import msgspec

from services.api import formats, problems
from services.api.parameters import Parameter
from services.api.protocol import Endpoint

VERSION = "1"
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "parameter": {"type": "string", "description": "The parameter at fault"},
    },
}
_JSON: dict[str, Any] = {"application/json": {"schema": {"type": ["object", "array"]}}}
_STYLE = "body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}td,th{text-align:left;padding:.2rem .8rem .2rem 0}"


def openapi(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the endpoints."""
    rows = [endpoint.row for endpoint in endpoints if endpoint.row is not None]
    _, schemas = msgspec.json.schema_components(rows, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tickplant", "version": VERSION, "description": "Prices are JSON numbers with all their digits; times are UTC."},
        "paths": _paths(endpoints),
        "components": {"schemas": {**schemas, "Problem": _PROBLEM}},
    }


def _paths(endpoints: Sequence[Endpoint]) -> dict[str, dict[str, Any]]:
    """The operations of each path, by method."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return paths


def page(endpoints: Sequence[Endpoint]) -> str:
    """The endpoints as HTML, each with a request to try."""
    sections = "".join(_section(endpoint) for endpoint in endpoints)
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>Tickplant API</title><style>{_STYLE}</style>"
    return f'{head}<h1>Tickplant API</h1><p>Machine-readable: <a href="/openapi.json">/openapi.json</a></p>{sections}</html>'


def _operation_id(endpoint: Endpoint) -> str:
    """`runs_by_id` for GET /runs/{id}, `post_events` for POST /events."""
    parts = [f"by_{part[1:-1]}" if part.startswith("{") else part for part in endpoint.path.strip("/").split("/")]
    return "_".join(parts if endpoint.method == "GET" else [endpoint.method.lower(), *parts])


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "description": endpoint.description,
        "parameters": [_parameter(parameter) for parameter in endpoint.parameters],
        **({"requestBody": {"required": True, "description": endpoint.body, "content": _JSON}} if endpoint.body else {}),
        "responses": {
            "202" if endpoint.body else "200": {"description": "OK", "content": _content(endpoint)},
            "default": {
                "description": "A problem (RFC 9457)",
                "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }


def _content(endpoint: Endpoint) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": _answer(endpoint)}}
    if endpoint.formats:
        content[formats.CSV] = {"schema": {"type": "string"}}
        content |= {name: {"schema": {"type": "string", "format": "binary"}} for name in (formats.PARQUET, formats.ARROW)}
    return content


def _parameter(parameter: Parameter) -> dict[str, Any]:
    shown = {"name": parameter.name, "in": parameter.place, "required": parameter.required, "description": parameter.description}
    return {**shown, "schema": dict(parameter.schema)}


def _answer(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.row is None:
        return {"type": "object"}
    row = {"$ref": f"#/components/schemas/{endpoint.row.__name__}"}
    if not endpoint.listed:
        return row
    properties = {"results": {"type": "array", "items": row}, "next_url": {"type": ["string", "null"]}}
    return {"type": "object", "required": ["results", "next_url"], "properties": properties}


def _section(endpoint: Endpoint) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(found.name)}</code>{' (required)' if found.required else ''}<td>{escape(found.description)}"
        for found in endpoint.parameters
    )
    table = f"<table>{rows}</table>" if rows else ""
    heading = f"<h2><code>{endpoint.method} {escape(endpoint.path)}</code></h2>"
    return f"{heading}<p>{escape(endpoint.summary)}. {escape(endpoint.description)}</p>{table}{_try(endpoint)}"


def _try(endpoint: Endpoint) -> str:
    if "{" in endpoint.path or endpoint.method != "GET":
        return ""
    needed = urlencode([(found.name, found.example) for found in endpoint.parameters if found.required and found.example])
    url = escape(f"{endpoint.path}?{needed}" if needed else endpoint.path)
    return f'<p>Try <a href="{url}">{url}</a></p>'
