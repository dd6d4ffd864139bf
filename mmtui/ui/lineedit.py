"""A line of text that is being typed: no widget, so that a drawer stays a few rows of spans."""

from __future__ import annotations

from typing import Final

from mmtui.ui.rows import Span

LONGEST: Final = 4000


class LineEdit:
    """Text and a cursor in it; the keys of a shell's line work."""

    def __init__(self, text: str = "", replaces: bool = False) -> None:
        self.text = text
        self.at = len(text)
        self.replaces = replaces
        """The text is a proposal: the first character typed takes its place."""

    def insert(self, text: str) -> None:
        """Type or paste; line ends become spaces, what does not print is left out."""
        clean = "".join(c for c in text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ") if c.isprintable())
        clean = clean[: LONGEST - len(self.text)]
        self.text = self.text[: self.at] + clean + self.text[self.at :]
        self.at += len(clean)

    def put(self, text: str) -> None:
        """Replace everything."""
        self.text = text[:LONGEST]
        self.at = len(self.text)

    def press(self, key: str, character: str | None) -> bool:
        """An editing key or a printable character; False for any other key."""
        proposed, self.replaces = self.replaces, False
        moves = {"left": self.at - 1, "right": self.at + 1, "home": 0, "end": len(self.text)}
        moves |= {
            "ctrl+a": 0,
            "ctrl+e": len(self.text),
            "ctrl+left": self._word_start(),
            "ctrl+right": self._word_end(),
        }
        if key in moves:
            self.at = max(0, min(moves[key], len(self.text)))
            return True
        cuts = {"backspace": self.at - 1, "ctrl+u": 0, "ctrl+w": self._word_start()}
        if key in cuts:
            first = max(0, cuts[key])
            self.text = self.text[:first] + self.text[self.at :]
            self.at = first
            return True
        ends = {"delete": self.at + 1, "ctrl+k": len(self.text)}
        if key in ends:
            self.text = self.text[: self.at] + self.text[ends[key] :]
            return True
        if character and character.isprintable() and "ctrl+" not in key:
            if proposed:
                self.put("")
            self.insert(character)
            return True
        return False

    def _word_start(self) -> int:
        return len(self.text[: self.at].rstrip()[::-1].partition(" ")[2])

    def _word_end(self) -> int:
        rest = self.text[self.at :]
        return self.at + len(rest) - len(rest.lstrip().partition(" ")[2]) if rest.strip() else len(self.text)

    def spans(self, role: str = "text+bold") -> list[Span]:
        """The text with the cursor as a tinted cell."""
        under = self.text[self.at : self.at + 1] or " "
        return [(self.text[: self.at], role), (under, "accent"), (self.text[self.at + 1 :], role)]
