"""The little language in which `stories.py` says what a trace must do on a kernel.

A claim is one line; operations count from 0, frames are decimal pfns, addresses hexadecimal:

    4 -> -EFAULT                      the result of operation 4; `ok` for one not named; after a BUG nothing runs
    4 -> pfn 8 value 5 faults 0       what a touch (or alloc, pin) reached
    4 says bad_page 8 flags 0x414     a message of operation 4: its kind, its pfn, any of its fields
    4 leak 8 surplus in zap_pte_range an event of operation 4: its kind, its pfn, why, a call that is open there
    @4 8 c2 m1 +dirty -lru            frame 8 after operation 4: count, mapcount, flags set or not
    @4 8 free                         ... is on the free list; `lost`: it is not, and nobody can get it (count as given)
    @4 pid 1 F1 N2                    file_rss and anon_rss of process 1
    @4 pte 1 0x10000000 8 P|RW|A      the pte of process 1 there: pfn and bits, or `none`
    @4 vma 1 0x10000000 pgoff 8 VM_IO the vma of process 1 that starts there: its vm_pgoff, flags it has
    end ...                           as @, after the last operation
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

KERNELS = {
    "A": "2.6.14", "B": "2.6.15-rc2", "C": "vm-unpaged", "D3": "2.6.15-rc3", "D4": "2.6.15-rc5", "D": "2.6.15",
}  # fmt: skip
ALL = " ".join(KERNELS)

VERDICT = {"L": ("leak",), "P": ("free_unpaged", "free_mapped", "free_owned"), "X": ("bad_page",), "!": ("bug",)}
"""The letters of a verdict: at least one event of these kinds; a letter not given: none."""


class Case(NamedTuple):
    """What a trace does on some kernels."""

    kernels: tuple[str, ...]
    verdict: frozenset[str] | None
    claims: tuple[str, ...]


def on(kernels: str, verdict: str | None, *claims: str) -> Case:
    """On these kernels (letters of KERNELS) the trace gives this verdict (letters of VERDICT) and these claims hold.

    Verdict None: other cases say it.
    """
    return Case(tuple(kernels.split()), None if verdict is None else frozenset(verdict.split()), claims)


class Run:
    """A trace, run: what the claims ask about."""

    def __init__(self, timeline: Any) -> None:
        self.timeline = timeline
        self.report = list(timeline.report(state=True))
        self.results = [str(row["result"]) for row in self.report]

    def verdict(self) -> frozenset[str]:
        """The letters that the run deserves."""
        kinds = {event.kind for event in self.timeline.events()}
        return frozenset(letter for letter, names in VERDICT.items() if kinds & set(names))

    def refused(self) -> set[int]:
        """The operations with a `refused` event."""
        return {event.op for event in self.timeline.events("refused")}

    def state(self, place: str) -> dict[str, Any]:
        """The state after operation `@N`, or at the `end`."""
        return self.report[-1 if place == "end" else int(place[1:])]["state"]

    def failures(self, claims: tuple[str, ...]) -> list[str]:
        """The claims that do not hold, each with what is so instead."""
        return [*self._wrong_results(claims), *(f"{c}   (but: {why})" for c in claims for why in self._check(c))]

    def _wrong_results(self, claims: tuple[str, ...]) -> Iterator[str]:
        said = dict(_results(claims))
        for op, result in enumerate(self.results):
            if result != said.get(op, "ok"):
                yield f"{op} -> {said.get(op, 'ok')}   (but: {result})"
        deaths = [op for op, result in said.items() if result.startswith(("BUG", "OOPS"))]
        expected = deaths[0] + 1 if deaths else len(self.timeline.trace.ops)
        if len(self.results) != expected:
            yield f"{expected} operations run   (but: {len(self.results)})"

    def _check(self, claim: str) -> Iterator[str]:
        for pattern, check in FORMS:
            found = re.fullmatch(pattern, claim)
            if found:
                yield from check(self, *found.groups(default=""))
                return
        raise ValueError(f"not a claim: {claim!r}")

    def _result(self, op: str, rest: str) -> Iterator[str]:
        if not re.match("(pfn|value|faults) ", rest):
            return  # a result: seen by _wrong_results
        row = self.report[int(op)]
        for name, value in _pairs(rest):
            if row.get(name) != value:
                yield f"{name} {row.get(name)}, {row['result']}"

    def _message(self, op: str, kind: str, pfn: str, rest: str) -> Iterator[str]:
        messages = [m for m in self.report[int(op)]["messages"] if m["kind"] == kind]
        wanted: dict[str, int | str] = dict(_pairs(rest))
        if pfn:
            wanted["pfn"] = int(pfn)
        if not any(all(m.get(key) == value for key, value in wanted.items()) for m in messages):
            yield repr(messages)

    def _event(self, op: str, kind: str, pfn: str, why: str, function: str) -> Iterator[str]:
        events = [e for e in self.timeline.events(kind) if e.op == int(op) and e.subject.get("pfn") == int(pfn)]
        events = [e for e in events if why in ("", e.why)]
        events = [e for e in events if not function or function in self._stack(e.position)]
        if not events:
            yield repr([(e.kind, e.op, e.subject, e.why) for e in self.timeline.events(kind)])

    def _stack(self, position: int) -> list[str]:
        return [call.name for call in self.timeline.calls_at(position)]

    def _frame(self, place: str, pfn: str, rest: str) -> Iterator[str]:
        frame = self.state(place)["frames"].get(pfn)
        shown = frame or {"free": True, "count": 0, "mapcount": 0, "flags": []}
        for word in rest.split():
            if not _frame_is(shown, word):
                yield f"{word}: {frame}"

    def _rss(self, place: str, pid: str, file_rss: str, anon_rss: str) -> Iterator[str]:
        process = self.state(place)["procs"][pid]
        if (process["file_rss"], process["anon_rss"]) != (int(file_rss), int(anon_rss)):
            yield f"F{process['file_rss']} N{process['anon_rss']}"

    def _pte(self, place: str, pid: str, address: str, rest: str) -> Iterator[str]:
        pte = self.state(place)["procs"][pid]["ptes"].get(str(int(address, 16)))
        shown = "none" if pte is None else f"{pte[0]} {pte[1]}"
        if shown != rest:
            yield shown

    def _vma(self, place: str, pid: str, address: str, pgoff: str, flags: str) -> Iterator[str]:
        vmas = [v for v in self.state(place)["procs"][pid]["vmas"] if v["start"] == int(address, 16)]
        if not vmas or (pgoff and vmas[0]["pgoff"] != int(pgoff)) or not set(flags.split()) <= set(vmas[0]["flags"]):
            yield repr(vmas)


def _results(claims: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for claim in claims:
        found = re.fullmatch(r"(\d+) -> (.+)", claim)
        if found and not re.match("(pfn|value|faults) ", found[2]):
            yield int(found[1]), found[2]


def _pairs(text: str) -> Iterator[tuple[str, int | str]]:
    words = text.split()
    for name, value in zip(words[::2], words[1::2], strict=True):
        yield name, int(value, 0) if re.fullmatch("0x[0-9a-f]+|[0-9]+", value) else value


def _frame_is(frame: dict[str, Any], word: str) -> bool:
    if word == "free":
        return bool(frame["free"])
    if word == "lost":
        return not frame["free"]
    if word[0] in "+-":
        return (word[1:] in frame["flags"]) == (word[0] == "+")
    return bool(frame[{"c": "count", "m": "mapcount"}[word[0]]] == int(word[1:]))


PLACE = r"(@\d+|end)"
FORMS: tuple[tuple[str, Callable[..., Iterator[str]]], ...] = (
    (r"(\d+) -> (.+)", Run._result),
    (r"(\d+) says (\w+)(?: (\d+))?((?: \w+ \w+)*)", Run._message),
    (r"(\d+) (\w+) (\d+)(?: (orphan|surplus|stuck|confirmed))?(?: in (\w+))?", Run._event),
    (PLACE + r" pid (\d+) F(\d+) N(\d+)", Run._rss),
    (PLACE + r" pte (\d+) (0x[0-9a-f]+) (none|\d+ [PNFRWAD|]+)", Run._pte),
    (PLACE + r" vma (\d+) (0x[0-9a-f]+)(?: pgoff (\d+))?((?: VM_\w+)*)", Run._vma),
    (PLACE + r" (\d+)((?: free| lost| [cm]\d+| [+-]\w+)+)", Run._frame),
)
