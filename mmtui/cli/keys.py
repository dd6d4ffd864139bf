"""`mmtui keys`: what a pressed key arrives as, and which command it would run."""

from __future__ import annotations

import sys

import click


@click.command("keys")
@click.option("--list", "listing", is_flag=True, help="Print the table of keys; also without a terminal.")
@click.option("--preset", type=click.Choice(["gdb", "vi", "ide"]), help="This preset's keys, not your settings'.")
@click.option("--markdown", is_flag=True, help="The same table as Markdown.")
def command(listing: bool, preset: str | None, markdown: bool) -> int:
    """Press keys and see what the terminal sends and what mmtui does with it; Esc twice or ctrl+c leaves.

    With --list: every command with its id (for [keys] in config.toml) and its keys.
    """
    from mmtui.ui import config

    try:
        settings = config.load({"keys.preset": preset})
    except config.ConfigError as error:
        for problem in error.problems:
            click.echo(f"mmtui: {problem}", err=True)
        return 2
    if markdown:
        _markdown(dict(settings.keymap))
        return 0
    if listing or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _list(dict(settings.keymap))
        return 0
    from mmtui.ui.keys_app import KeysApp

    KeysApp(settings.keymap).run()
    return 0


def _list(keymap: dict[str, str]) -> None:
    from mmtui.cli.output import columns
    from mmtui.ui.commands import CATEGORIES, COMMANDS
    from mmtui.ui.keymap import keys_of, shown

    for category in CATEGORIES:
        click.echo(category)
        found = [command for command in COMMANDS.values() if command.category == category]
        rows = [(" ".join(shown(key) for key in keys_of(keymap, c.id)) or ":" + c.id, c.id, c.title) for c in found]
        for line in columns(rows, indent="  "):
            click.echo(line)


def _markdown(keymap: dict[str, str]) -> None:
    from mmtui.ui.commands import CATEGORIES, COMMANDS
    from mmtui.ui.keymap import keys_of, shown

    for category in CATEGORIES:
        click.echo(f"## {category.capitalize()}\n\n| keys | id | does |\n| --- | --- | --- |")
        for c in COMMANDS.values():
            if c.category == category:
                keys = " ".join(f"`{shown(key)}`" for key in keys_of(keymap, c.id))
                click.echo(f"| {keys or f'`:{c.id}`'} | {c.id} | {c.title} |")
        click.echo()
