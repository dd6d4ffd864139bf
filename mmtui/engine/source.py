"""The text of a kernel model."""

from __future__ import annotations

from collections.abc import Sequence


class Source:
    """The text of a kernel function: `lines` from line `first_line` of `file`, and the change that made it so."""

    def __init__(
        self, file: str, first_line: int, lines: Sequence[str], release: str, commit: str, subject: str
    ) -> None:
        self.file, self.first_line, self.lines = file, first_line, tuple(lines)
        self.release, self.commit, self.subject = release, commit, subject
