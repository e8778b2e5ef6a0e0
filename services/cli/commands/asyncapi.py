"""`tickplant asyncapi`: the AsyncAPI 3.0 document of the topics, as JSON, which YAML readers take too.

Invariant: it needs no running stack.
"""

from __future__ import annotations

import json

import typer

from services.cli import terminal


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(asyncapi)


def asyncapi() -> None:
    """Print the AsyncAPI document of all topics."""
    from importlib.metadata import PackageNotFoundError, version

    from services.cli.runs import settings
    from shared.topics.asyncapi import document

    try:
        number = version("tickplant")
    except PackageNotFoundError:
        number = "0.0.0"
    kafka = settings().kafka
    protocol = "kafka-secure" if kafka.security_protocol != "PLAINTEXT" else "kafka"
    terminal.say(
        json.dumps(
            document(kafka.bootstrap_servers, version=number, prefix=kafka.topic_prefix, protocol=protocol), indent=2, ensure_ascii=False
        )
    )
