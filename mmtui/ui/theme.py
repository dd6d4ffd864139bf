"""The palettes, and what a role looks like in each of them.

A pane names roles (`text`, `accent`, `kind.N+bold`); a `Theme` turns a role into a Rich style. Every palette exists in
true colour and, where nearest-colour conversion would spoil it, in exact numbers of the 256-colour cube. `mono` uses
attributes only, `ansi` the terminal's own sixteen colours with the attributes of `mono` for states. One role is for the
timeline alone: `here`, the position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rich.color import Color
from rich.style import Style

BOLD_ROLES: Final = frozenset({"bright", "accent", "alarm_fill", "alarm", "diff"})
KINDS: Final = "A c F N D R Z P S"

_DARK: Final = {
    "bg": "#11151b",
    "bright": "#ffffff",
    "text": "#d5dbe2",
    "dim": "#8d98a6",
    "faint": "#76818f",
    "past": "#66758a",
    "rule": "#3a4552",
    "rule_focus": "#8fa3b8",
    "band": "#1d2733",
    "accent": "#ffcb5c",
    "tint": "#40330f",
    "recent": "#d6ac55",
    "fill_text": "#ffffff",
    "fill": "#c8363a",
    "alarm": "#ff8078",
    "diff": "#ffffff",
    "A": "#6cb6ff",
    "c": "#66e0d0",
    "F": "#96d28c",
    "N": "#f29bd4",
    "D": "#c3a6ff",
    "R": "#938d7d",
    "P": "#a7b0bc",
}
_LIGHT: Final = {
    "bg": "#fcfbf7",
    "bright": "#000000",
    "text": "#23292f",
    "dim": "#5f6770",
    "faint": "#767269",
    "past": "#8f897b",
    "rule": "#cdc7ba",
    "rule_focus": "#6a6457",
    "band": "#eeeae0",
    "accent": "#6e4300",
    "tint": "#ffe5a0",
    "recent": "#8a5f0c",
    "fill_text": "#ffffff",
    "fill": "#b3221b",
    "alarm": "#b3221b",
    "diff": "#000000",
    "A": "#0a58a6",
    "c": "#006b64",
    "F": "#2b6b29",
    "N": "#a0217a",
    "D": "#673bbd",
    "R": "#706a5a",
    "P": "#565f69",
}
_CVD: Final = {
    **_DARK,
    "bg": "#0f1318",
    "rule_focus": "#9fb2c6",
    "band": "#1c2733",
    "accent": "#ffffff",
    "tint": "#3b6a8a",
    "recent": "#bcd9ee",
    "fill_text": "#000000",
    "fill": "#f0e442",
    "alarm": "#f0e442",
    "A": "#56b4e9",
    "c": "#a6dcff",
    "F": "#cfd3d8",
    "N": "#e69f00",
    "D": "#ffd08a",
    "R": "#8b8f95",
    "P": "#8b8f95",
}


def _numbers(text: str) -> dict[str, str]:
    """Names and numbers of the 256-colour cube, `bg 233 band 236`, as a palette."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


_DARK_256: Final = _numbers(
    "bg 233 bright 231 text 188 dim 246 faint 244 past 243 rule 238 rule_focus 109 band 236 accent 221 tint 58"
    " recent 179 fill_text 231 fill 160 alarm 210 diff 231 A 75 c 80 F 114 N 212 D 183 R 245 P 248"
)
_LIGHT_256: Final = _numbers(
    "bg 231 bright 16 text 235 dim 241 faint 243 past 245 rule 251 rule_focus 240 band 255 accent 58 tint 223"
    " recent 94 fill_text 231 fill 124 alarm 124 diff 16 A 25 c 23 F 22 N 126 D 55 R 241 P 240"
)
_CVD_256: Final = _numbers(
    "bg 233 bright 231 text 188 dim 246 faint 244 past 243 rule 238 rule_focus 110 band 236 accent 231 tint 24"
    " recent 153 fill_text 16 fill 227 alarm 227 diff 231 A 74 c 153 F 252 N 214 D 222 R 245 P 246"
)
_ANSI: Final = {"A": "bright_blue", "c": "cyan", "F": "green", "N": "magenta", "D": "bright_magenta"}

PALETTES: Final[Mapping[str, Mapping[str, str]]] = {"dark": _DARK, "light": _LIGHT, "cvd": _CVD}
PALETTES_256: Final[Mapping[str, Mapping[str, str]]] = {"dark": _DARK_256, "light": _LIGHT_256, "cvd": _CVD_256}
THEMES: Final = ("dark", "light", "cvd", "mono", "ansi")

_SAME_HUE: Final = {"Z": "R", "S": "P"}
_DIM_ROLES: Final = frozenset({"dim", "faint", "past", "rule"})
_ATTRIBUTES: Final[Mapping[str, Style]] = {
    "bright": Style(bold=True),
    "rule_focus": Style(bold=True),
    "accent": Style(reverse=True),
    "recent": Style(bold=True),
    "alarm_fill": Style(reverse=True, bold=True),
    "alarm": Style(bold=True),
    "diff": Style(bold=True, underline=True),
}


@dataclass(frozen=True)
class Theme:
    """One look. `style` maps (role, on the cursor's band) to a style; results are kept, so it is a dict look-up."""

    name: str
    colours: Mapping[str, str] = field(default_factory=dict)
    _kept: dict[tuple[str, bool], Style] = field(default_factory=dict, compare=False, repr=False)

    @property
    def plain(self) -> bool:
        """No background of its own: states are shown by attributes."""
        return "bg" not in self.colours

    @property
    def background(self) -> str | None:
        """The colour behind everything, None where the terminal's own is kept."""
        return self.colours.get("bg")

    def style(self, role: str, band: bool = False) -> Style:
        """The style of a role such as `text` or `kind.N+bold`; an unknown role is shown as text."""
        key = (role, band)
        style = self._kept.get(key)
        if style is None:
            style = self._kept[key] = self._make(role, band)
        return style

    def _make(self, role: str, band: bool) -> Style:
        name, *modifiers = role.split("+")
        style = self._attributes(name) if self.plain else self._coloured(name, band)
        if "bold" in modifiers:
            style += Style(bold=True, dim=False)
        if "underline" in modifiers:
            style += Style(underline=True)
        return style

    def _attributes(self, name: str) -> Style:
        if name.startswith("kind."):
            kind = _SAME_HUE.get(name[5:], name[5:])
            colour = self.colours.get(kind)
            return Style(color=colour) if colour else Style(dim=kind in "RP" and bool(self.colours))
        if name in _DIM_ROLES:
            return Style(dim=True)
        return _ATTRIBUTES.get(name, Style())

    def _coloured(self, name: str, band: bool) -> Style:
        ground = self._colour("band" if band else "bg")
        if name == "accent":
            return Style(color=self._colour("accent"), bgcolor=self._colour("tint"), bold=True)
        if name == "alarm_fill":
            return Style(color=self._colour("fill_text"), bgcolor=self._colour("fill"), bold=True)
        if name == "here":
            return Style(color=self._colour("accent"), bgcolor=ground)
        kind = name[5:] if name.startswith("kind.") else name
        kind = _SAME_HUE.get(kind, kind)
        colour = self._colour(kind if kind in self.colours else "text")
        return Style(color=colour, bgcolor=ground, bold=name in BOLD_ROLES or None, underline=name == "diff" or None)

    def _colour(self, name: str) -> Color:
        value = self.colours[name]
        return Color.parse(value) if value.startswith("#") else Color.from_ansi(int(value))


def theme(name: str, colour_system: str | None) -> Theme:
    """The theme of this name for a terminal of `truecolor`, `256`, `standard` or None, no colour."""
    if name == "mono" or colour_system is None:
        return Theme("mono")
    if name == "ansi" or colour_system in ("standard", "windows"):
        return Theme("ansi", _ANSI)
    return Theme(name, (PALETTES_256 if colour_system == "256" else PALETTES)[name])
