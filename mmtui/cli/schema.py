"""`mmtui schema`: the JSON Schema of a trace file."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of a trace file, for editors and other checkers."""
    from mmtui.trace.schema import schema

    click.echo(json.dumps(schema(), indent=2))
