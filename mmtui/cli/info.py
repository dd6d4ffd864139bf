"""`mmtui info`: versions, limits, paths."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

import click


@click.command("info")
def command() -> None:
    """Print versions, limits and every path that mmtui reads or writes."""
    from mmtui.cli.output import columns

    for title, rows in (
        ("versions", _versions()),
        ("paths", _paths()),
        ("limits", _limits()),
        ("terminal", _terminal()),
    ):
        click.echo(title)
        for line in columns(rows, indent="  "):
            click.echo(line)


def _versions() -> list[tuple[str, str]]:
    from mmtui.version import VERSION

    rows = [("mmtui", VERSION), ("python", f"{platform.python_version()} ({sys.executable})")]
    for name in ("textual", "rich", "numpy", "msgspec", "click", "platformdirs"):
        try:
            rows.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            rows.append((name, "not installed"))
    return [*rows, ("system", f"{platform.system()} {platform.release()} {platform.machine()}")]


def _paths() -> list[tuple[str, str]]:
    from mmtui.trace import examples
    from mmtui.ui import config

    project = config.project_file()
    settings = config.config_dir() / "config.toml"
    return [
        ("settings", f"{settings}{'' if settings.exists() else '  (not there: defaults)'}"),
        ("project settings", str(project) if project else f"{config.PROJECT_FILE}  (none here or above)"),
        ("state", str(config.state_dir())),
        ("notes", "TRACE.mmtui beside each trace; in the state folder where that cannot be written"),
        ("sample traces", str(examples.folder() or "none in this installation")),
    ]


def _limits() -> list[tuple[str, str]]:
    from mmtui.engine.limits import LIMITS, limit

    return [
        (name, f"{limit(name)}{'' if limit(name) == LIMITS[name] else '  (from the environment)'}") for name in LIMITS
    ]


def _terminal() -> list[tuple[str, str]]:
    names = ("TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "MMTUI_CONFIG_DIR", "MMTUI_THEME", "MMTUI_DEBUG")
    rows = [(name, os.environ.get(name, "(not set)")) for name in names]
    return [*rows, ("standard output", "a terminal" if sys.stdout.isatty() else "not a terminal")]
