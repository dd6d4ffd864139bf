"""What a recording says about itself: a title, what could not be seen, where to look."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from mmtui.live.asides import startups
from mmtui.live.recording import Recording

LONGEST_TITLE: Final = 120
MOST_BOOKMARKS: Final = 200
KINDS: Final = ("fork", "vfork", "exec", "gone")


def title(recording: Recording) -> str:
    """The command that was recorded, and on which kernel."""
    command = recording.header.get("cmd")
    words = [str(word) for word in command] if isinstance(command, list) else ["a program"]
    text = f"{shlex.join(words)} on Linux {recording.release}"
    return text if len(text) <= LONGEST_TITLE else text[: LONGEST_TITLE - 3] + "..."


def about(recording: Recording) -> str:
    """How it was recorded, and what it does not show."""
    lines = [f"A recording of a live kernel: {len(recording.stops)} stops."]
    if recording.header.get("mode") == "events":
        lines.append("The program ran freely: what a fault changed was read a moment later, together with others.")
    if not recording.frames_known:
        lines.append(
            "It was recorded without root: frame numbers, map counts and page flags could not be seen. "
            "The frames are symbolic: a fork shares them, a fault on a shared one makes a new one."
        )
    if "page faults" in recording.missing:
        lines.append("Page faults did not stop the program: their effects stand at the next system call.")
    lines.append("page_count, and whether an entry is writable, accessed or dirty, cannot be seen from outside.")
    lines += _troubles(recording)
    return "\n\n".join(lines)


def _troubles(recording: Recording) -> Iterator[str]:
    summary = recording.summary
    if recording.cut:
        yield "**The file ends early**: the recorder was killed, or the file was cut."
    if summary is None:
        return
    if summary.ended not in ("", "the program ended"):
        yield f"The recording stopped before the program did: {summary.ended}."
    if summary.inexact:
        yield f"{summary.inexact} times two tasks ran at once: the order of their stops is not exact there."
    if summary.lost:
        yield f"**{summary.lost} faults were lost**; `op lost` finds where."
    yield from summary.notes


def bookmarks(recording: Recording) -> list[dict[str, Any]]:
    """Where processes begin and end, and where a program's own code begins after the loader's work."""
    found: list[dict[str, Any]] = []
    names: Counter[str] = Counter()
    mains = {startup.end: startup.pid for startup in startups(recording)}
    for number, stop in enumerate(recording.stops):
        if number in mains:
            found.append(_bookmark(number, f"main-{mains[number]}", names))
        if stop.ev.k in KINDS:
            who = stop.ev.tgid if stop.ev.k in ("fork", "vfork") else stop.pid
            found.append(_bookmark(number, f"{stop.name}-{who}", names))
    return found[:MOST_BOOKMARKS]


def _bookmark(op: int, name: str, names: Counter[str]) -> dict[str, Any]:
    """A bookmark; the second of a name is called `exec-7.2`."""
    names[name] += 1
    return {"at": {"op": op}, "name": name if names[name] == 1 else f"{name}.{names[name]}"}
