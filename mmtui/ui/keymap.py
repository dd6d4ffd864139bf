"""Which key runs which command: presets, the user's own keys, and how a key arrives.

A key is named as Textual names it (`f10`, `ctrl+p`, `shift+tab`) or, for anything printable, by the character itself
(`n`, `}`, `?`, `comma` for a comma, since lists of keys are separated by commas).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mmtui.ui.commands import COMMANDS, PRESETS, nearest

_WORDS: Final = "up down left right home end pageup pagedown enter escape tab backspace delete insert space"
NAMED: Final = frozenset(_WORDS.split(" ")) | {f"f{n}" for n in range(1, 25)}
SPELLED: Final = {"comma": ",", "period": ".", "colon": ":", "plus": "+", "minus": "-"}
SHOWN: Final = {
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "space": "Space",
    "backspace": "Bksp",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "delete": "Del",
}
# What a terminal sends as something else: binding it would bind the other key (KEYMAP of the README has the list).
NEVER: Final = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+h": "backspace",
    "ctrl+[": "escape",
    "ctrl+j": "a newline in many terminals",
}


class KeyMapError(ValueError):
    """`[keys]` cannot be used; `problems` are (id or key, what is wrong)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in problems))
        self.problems = problems


def arrived(key: str, character: str | None) -> str:
    """The name under which a key is looked up: its character where it prints, else Textual's name."""
    if character and len(character) == 1 and character.isprintable() and character != " ":
        return character
    return key


def shown(key: str) -> str:
    """A key as people read it: `Enter`, `F10`, `ctrl+p`, `n`."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    last = SHOWN.get(last, last.upper() if last in NAMED else last)
    return "+".join([*modifiers, last])


def parse_keys(text: str) -> tuple[list[str], str | None]:
    """The keys of `"n,f10"` and what is wrong with them, if anything. `""` unbinds."""
    keys: list[str] = []
    for part in (word.strip() for word in text.split(",")):
        if not part:
            continue
        key = SPELLED.get(part, part)
        problem = _problem(key)
        if problem:
            return keys, problem
        keys.append(key)
    return keys, None


def _problem(key: str) -> str | None:
    if key in NEVER:
        return f"{key} arrives as {NEVER[key]}; choose another key"
    if len(key) == 1:
        return None if key.isprintable() and key != " " else f"{key!r} is not a key; a space is called space"
    *modifiers, last = key.split("+")
    wrong = [m for m in modifiers if m not in ("ctrl", "shift", "alt")]
    if wrong:
        return f"{wrong[0]}: unknown modifier; there are ctrl, shift, alt"
    if len(last) == 1 or last in NAMED:
        return None
    hint = nearest(last, sorted(NAMED))
    return f"{key}: unknown key" + (f"; did you mean {hint}?" if hint else "")


def build(preset: str = "gdb", own: Mapping[str, str] | None = None) -> dict[str, str]:
    """Key -> command name, for a preset and the user's `[keys]`. Raises KeyMapError with everything that is wrong."""
    if preset not in PRESETS:
        raise KeyMapError([("preset", f"unknown preset {preset!r}; there are {', '.join(PRESETS)}")])
    chosen, problems = _chosen(own or {})
    keymap: dict[str, str] = {}
    for name, keys in chosen.items():
        for key in keys:
            if key in keymap:
                problems.append((name, f"{shown(key)} is also bound to {keymap[key]}"))
            keymap[key] = name
    for name, command in COMMANDS.items():
        if name in chosen:
            continue
        for key in command.defaults(preset):
            taken = keymap.get(key)
            if taken in chosen:
                problems.append(
                    (str(taken), f'{shown(key)} already means {name}; give that another key: {name} = "..."')
                )
            keymap.setdefault(key, name)
    if problems:
        raise KeyMapError(problems)
    return keymap


def _chosen(own: Mapping[str, str]) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    chosen: dict[str, list[str]] = {}
    problems: list[tuple[str, str]] = []
    for name, text in own.items():
        if name not in COMMANDS:
            hint = nearest(name, list(COMMANDS))
            problems.append((name, "unknown command" + (f"; did you mean {hint}?" if hint else "")))
            continue
        keys, problem = parse_keys(text)
        if problem:
            problems.append((name, problem))
        chosen[name] = keys
    return chosen, problems


def keys_of(keymap: Mapping[str, str], name: str) -> list[str]:
    """The keys that run a command, the primary one first."""
    return [key for key, command in keymap.items() if command == name]
