"""Settings: what there is, where it is read from, and what is wrong with it.

The user's `config.toml` (platformdirs; `MMTUI_CONFIG_DIR` moves it), then `.mmtui.toml` of the project (the nearest one
above the working directory), then the environment, then flags; the later one wins. Unknown names and wrong values are
errors that name the file, the place and the nearest known name.
"""

from __future__ import annotations

import getpass
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import platformdirs

from mmtui.trace.errors import printable
from mmtui.ui.commands import PRESETS, nearest
from mmtui.ui.keymap import KeyMapError, build
from mmtui.ui.theme import THEMES

PROJECT_FILE: Final = ".mmtui.toml"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `name` is `section.key`; `choices` limits a string; `env` is its variable in the environment."""

    name: str
    default: str | int | float | bool | tuple[str, ...]
    about: str
    choices: tuple[str, ...] = ()
    env: str = ""


SETTINGS: Final = {
    s.name: s
    for s in (
        Setting("ui.theme", "auto", "colours", ("auto", *THEMES), "MMTUI_THEME"),
        Setting("ui.glyphs", "auto", "lines or ascii", ("auto", "unicode", "ascii"), "MMTUI_GLYPHS"),
        Setting("ui.mouse", True, "react to the mouse", env="MMTUI_MOUSE"),
        Setting("ui.layout", "", "a saved layout to start with", env="MMTUI_LAYOUT"),
        Setting("ui.follow", True, "panes scroll to what a step changed"),
        Setting("ui.overlay", "state", "frame map", ("state", "count", "age", "holder")),
        Setting("ui.numbers", "hex", "numbers", ("hex", "decimal", "decoded")),
        Setting("keys.preset", "gdb", "set of keys", PRESETS, "MMTUI_KEYS"),
        Setting("play.ops_per_second", 2.0, "speed of space"),
        Setting("open.at", "start", "where a trace opens", ("start", "first-alert", "last"), "MMTUI_AT"),
        Setting("log.hide", (), "functions left out of the log"),
        Setting("notes.author", "", "who signs notes", env="MMTUI_AUTHOR"),
    )
}
MOST_SHOWN: Final = 20
LONGEST: Final = 500
"""Problems that are told, and characters of one: a file may have any number, of any length."""
LARGEST: Final = 1 << 18
"""Bytes of a file of settings."""
SECTIONS: Final = tuple(dict.fromkeys(name.partition(".")[0] for name in SETTINGS))


class ConfigError(Exception):
    """Settings that cannot be used. `problems`: one harmless line each, with file and place, MOST_SHOWN at most."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = [_fit(problem) for problem in problems[:MOST_SHOWN]]
        if len(problems) > MOST_SHOWN:
            self.problems.append(f"and {len(problems) - MOST_SHOWN} more")
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Settings:
    """Every setting's value by name, the key map (key -> command id), and the files that were read."""

    values: Mapping[str, Any]
    keymap: Mapping[str, str]
    files: tuple[Path, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


@dataclass
class _Reading:
    """What has been gathered so far."""

    values: dict[str, Any] = field(default_factory=lambda: {s.name: s.default for s in SETTINGS.values()})
    keys: dict[str, str] = field(default_factory=dict)
    key_places: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def config_dir() -> Path:
    """Where the user's config.toml is looked for."""
    own = os.environ.get("MMTUI_CONFIG_DIR")
    return Path(own) if own else Path(platformdirs.user_config_dir("mmtui"))


def state_dir() -> Path:
    """Where notes are kept when they cannot be kept beside the trace."""
    own = os.environ.get("MMTUI_STATE_DIR")
    return Path(own) if own else Path(platformdirs.user_state_dir("mmtui"))


def author(settings: Settings) -> str:
    """Who signs notes: the setting, else the login name."""
    if settings["notes.author"]:
        return str(settings["notes.author"])
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def project_file(start: Path | None = None) -> Path | None:
    """The nearest `.mmtui.toml` in the working directory or above it."""
    here = (start or Path.cwd()).absolute()
    return next((path for folder in (here, *here.parents) if (path := folder / PROJECT_FILE).is_file()), None)


def load(flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """All settings, merged. `flags`: name -> value, None left out. Raises ConfigError with every problem found."""
    reading = _Reading()
    project = project_file()
    for path in (config_dir() / "config.toml", project):
        if path is not None:
            _read_file(reading, path)
    _read_environment(reading, os.environ if environ is None else environ)
    for name, value in (flags or {}).items():
        if value is not None:
            _put(reading, "command line", name, value)
    keymap: dict[str, str] = {}
    try:
        keymap = build(reading.values["keys.preset"], reading.keys)
    except KeyMapError as error:
        reading.problems += [
            f"{reading.key_places.get(name, 'keys')}: keys.{name}: {text}" for name, text in error.problems
        ]
    if reading.problems:
        raise ConfigError(reading.problems)
    return Settings(reading.values, keymap, tuple(reading.files))


def _read_file(reading: _Reading, path: Path) -> None:
    try:
        if path.stat().st_size > LARGEST:
            reading.problems.append(f"{path}: not read: larger than {LARGEST >> 10} KiB")
            return
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        reading.problems.append(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}")
        return
    except RecursionError:
        reading.problems.append(f"{path}: not read: nested too deeply")
        return
    except ValueError as error:  # TOMLDecodeError, and a number of more digits than Python reads
        reading.problems.append(f"{path}: not TOML: {error}")
        return
    reading.files.append(path)
    for section, content in data.items():
        if section not in SECTIONS:
            reading.problems.append(f"{path}: {section}: unknown section{_hint(section, list(SECTIONS))}")
        elif not isinstance(content, dict):
            reading.problems.append(f"{path}: {section}: expected a table, [{section}]")
        elif section == "keys":
            _read_keys(reading, path, content)
        else:
            for name, value in content.items():
                _put(reading, str(path), f"{section}.{name}", value)


def _read_keys(reading: _Reading, path: Path, content: dict[str, Any]) -> None:
    for name, value in _flat(content):
        if name == "preset":
            _put(reading, str(path), "keys.preset", value)
        elif isinstance(value, str):
            reading.keys[name] = value
            reading.key_places[name] = str(path)
        else:
            reading.problems.append(f'{path}: keys.{name}: expected keys as text, as in "n,f10"')


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`time.op = "n"` is a table in a table for TOML."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _read_environment(reading: _Reading, environ: Mapping[str, str]) -> None:
    for setting in SETTINGS.values():
        text = environ.get(setting.env) if setting.env else None
        if text:
            value: Any = text
            if isinstance(setting.default, bool):
                value = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}.get(text, text)
            _put(reading, setting.env, setting.name, value)


def _put(reading: _Reading, place: str, name: str, value: Any) -> None:
    setting = SETTINGS.get(name)
    if setting is None:
        section = name.partition(".")[0]
        known = [n for n in SETTINGS if n.startswith(section + ".")]
        reading.problems.append(f"{place}: {name}: unknown setting{_hint(name, known)}")
        return
    problem = _wrong(setting, value)
    if problem:
        reading.problems.append(f"{place}: {name}: {problem}")
        return
    reading.values[name] = tuple(value) if isinstance(setting.default, tuple) else value


def _wrong(setting: Setting, value: Any) -> str | None:
    default = setting.default
    if isinstance(default, tuple):
        return (
            None if isinstance(value, list) and all(isinstance(v, str) for v in value) else "expected a list of names"
        )
    if isinstance(default, bool):
        return None if isinstance(value, bool) else f"expected true or false, got {value!r}"
    if isinstance(default, float):
        fine = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1000
        return None if fine else f"expected a number from 0 to 1000, got {value!r}"
    if not isinstance(value, str):
        return f"expected text, got {value!r}"
    if setting.choices and value not in setting.choices:
        return f"{value!r} is not one of {', '.join(setting.choices)}{_hint(value, list(setting.choices))}"
    return None


def _fit(problem: str) -> str:
    shown = printable(problem)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 3]}..."


def _hint(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""
