"""Quiet colours for the model's Python: words of the story in their hues, comments and text dim, the rest as it is."""

from __future__ import annotations

import re

from mmtui.ui.panes.common import MAGIC_KINDS
from mmtui.ui.rows import Span

_PIECES = re.compile(
    r"(?P<comment>#.*)|(?P<string>\"\"\".*|\"[^\"]*\"|'[^']*')"
    r"|(?P<word>\b(?:if|elif|else|for|in|while|return|not|and|or|is|None|True|False|continue|break|raise|def|with)\b)"
    r"|(?P<flag>\bVM_[A-Z]+\b|\bPG_[a-z]+\b)|(?P<deco>^\s*@\w+.*)"
)


def code_spans(text: str, bright: bool) -> list[Span]:
    """A line of a model as spans; `bright`: it is the line that ran. A docstring's inner lines look like code."""
    base = "text" if bright else "dim"
    spans: list[Span] = []
    at = 0
    for found in _PIECES.finditer(text):
        if found.start() > at:
            spans.append((text[at : found.start()], base))
        piece = found.group()
        if found.lastgroup == "flag":
            role = f"{MAGIC_KINDS[piece]}+bold" if piece in MAGIC_KINDS else "text"
        elif found.lastgroup == "word":
            role = "text"
        else:
            role = "faint"
        spans.append((piece, role))
        at = found.end()
    return [*spans, (text[at:], base)] if at < len(text) else spans or [("", base)]
