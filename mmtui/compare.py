"""Two kernels on the same trace: which changes of one belong to which of the other, and where they part.

Operations are the same on both sides; inside one, the changes are aligned by the cell that they write. Positions of the
first timeline map to positions of the second at which it has done everything before the next change that both make.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mmtui.engine.schema import COLUMN, ROW_BITS, TABLES

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

LARGEST: Final = 6000
"""Changes of one operation that are aligned one by one; a larger one is compared as it stands."""

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Changes = tuple[Ints, Ints]
"""Cells and their new values."""
Memo = dict[Any, Any]
COMPARED: Final = ("page", "pte", "vma", "mm", "sys", "task", "buf", "pin")
"""The tables whose cells count; the first difference is named from the first of them that has one."""
_RESULT: Final = COLUMN["trace.result"].id
_MESSAGE: Final = COLUMN["trace.message"].id


class Aligned(NamedTuple):
    """One operation on both sides: for each change of the first, the number of its partner in the second, or -1."""

    start: int
    end: int
    other_start: int
    other_end: int
    partner: Ints


class Difference(NamedTuple):
    """How two states differ: how many cells, and the first of them as (column, row, value, other value)."""

    cells: int
    first: tuple[str, int, int, int] | None


def operation(first: Timeline, second: Timeline, k: int, memo: Memo) -> Aligned | None:
    """Operation `k` aligned; None where one of the runs ended before it."""
    if k < 0 or k >= min(first.op_count, second.op_count):
        return None
    key = ("aligned", id(first), id(second), k)
    if key not in memo:
        memo[key] = _align(first, second, k)
    found: Aligned = memo[key]
    return found


def _align(first: Timeline, second: Timeline, k: int) -> Aligned:
    """Statistics stay out of it: the releases keep them at other places of the same functions."""
    numbers, ours = _changes_but(first, k, _TOTALS)
    numbers2, theirs = _changes_but(second, k, _TOTALS)
    found, _ = _partners(first, second, ours, theirs)
    start, end, other_start = first.op_start(k), first.op_end(k), second.op_start(k)
    partner = np.full(end - start, -1, dtype=np.int64)
    matched = np.flatnonzero(found >= 0)
    partner[numbers[matched] - start] = numbers2[found[matched]] - other_start
    return Aligned(start, end, other_start, second.op_end(k), partner)


def _partners(first: Timeline, second: Timeline, ours: Changes, theirs: Changes) -> tuple[Ints, Bools]:
    """For each change of ours the number of its partner in theirs, or -1; and whether both make it alike."""
    (cells, values), (cells2, values2) = ours, theirs
    partner = np.full(len(cells), -1, dtype=np.int64)
    for i, j, size in _blocks(cells, cells2):
        partner[i : i + size] = np.arange(j, j + size)
    matched = partner >= 0
    same = np.zeros(len(cells), dtype=np.bool_)
    same[matched] = values[matched] == values2[partner[matched]]
    words = matched & np.isin(cells >> ROW_BITS, (_RESULT, _MESSAGE))
    for at in np.flatnonzero(words):
        same[at] = first.string(int(values[at])) == second.string(int(values2[partner[at]]))
    return partner, same


def _changes(timeline: Timeline, start: int, end: int) -> Changes:
    chunks = list(timeline.log.chunks(start, end))
    if not chunks:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    cells = np.concatenate([chunk.cell for chunk in chunks]).astype(np.int64)
    return cells, np.concatenate([chunk.new for chunk in chunks]).astype(np.int64)


def _blocks(a: Ints, b: Ints) -> list[tuple[int, int, int]]:
    """Runs of equal cells: (start in a, start in b, length)."""
    head = _common(a, b)
    tail = min(_common(a[::-1], b[::-1]), min(len(a), len(b)) - head)
    blocks = [(0, 0, head)]
    middle_a, middle_b = a[head : len(a) - tail], b[head : len(b) - tail]
    if len(middle_a) and len(middle_b) and max(len(middle_a), len(middle_b)) <= LARGEST:
        matcher = SequenceMatcher(None, middle_a.tolist(), middle_b.tolist(), autojunk=False)
        blocks += [(head + m.a, head + m.b, m.size) for m in matcher.get_matching_blocks() if m.size]
    return [*blocks, (len(a) - tail, len(b) - tail, tail)]


def _common(a: Ints, b: Ints) -> int:
    """How long both begin alike."""
    n = min(len(a), len(b))
    unlike = np.flatnonzero(a[:n] != b[:n])
    return int(unlike[0]) if len(unlike) else n


def position_in(first: Timeline, second: Timeline, position: int, memo: Memo) -> int:
    """The position of `second` that belongs to a position of `first`: it never runs backwards.

    Between two changes that both make, what each makes alone goes by in the same proportion; what only the second
    makes is done as soon as the first has made the change before it.
    """
    if position <= 0:
        return 0
    k = first.op_at(position)
    aligned = operation(first, second, k, memo)
    if aligned is None:
        return len(second) if k >= 0 else 0
    i, matched = position - aligned.start, np.flatnonzero(aligned.partner >= 0)
    at = int(np.searchsorted(matched, i))
    before, begin = (int(matched[at - 1]), int(aligned.partner[matched[at - 1]])) if at else (-1, -1)
    after, end = len(aligned.partner), aligned.other_end - aligned.other_start
    if at < len(matched):
        after, end = int(matched[at]), int(aligned.partner[matched[at]])
    alone, done = after - before - 1, i - before - 1
    return aligned.other_start + (end if not alone else begin + 1 + done * (end - begin - 1) // alone)


def divergences(first: Timeline, second: Timeline, memo: Memo) -> list[int]:
    """Positions of `first` at which the two part anew: where only one makes a change, or makes it otherwise.

    Statistics alone (rss, nr_mapped) count only where there is no other difference, as in `first_parting`.
    """
    key = ("divergences", id(first), id(second))
    if key not in memo:
        memo[key] = _all_partings(first, second, _TOTALS) or _all_partings(first, second, ())
    kept: list[int] = memo[key]
    return kept


def _all_partings(first: Timeline, second: Timeline, but: tuple[int, ...]) -> list[int]:
    found: set[int] = set()
    for k in range(min(first.op_count, second.op_count)):
        found |= _partings(first, second, k, but)
    if first.op_count > second.op_count:
        found.add(first.op_start(second.op_count) + 1)
    return sorted(found)


def _partings(first: Timeline, second: Timeline, k: int, but: tuple[int, ...]) -> set[int]:
    """The partings of one operation, without the changes of some columns."""
    numbers, ours = _changes_but(first, k, but)
    _, theirs = _changes_but(second, k, but)
    partner, same = _partners(first, second, ours, theirs)
    found = {int(numbers[i]) + 1 for i in np.flatnonzero(~same).tolist() if i == 0 or same[i - 1]}
    expected = 0
    for i, j in enumerate(partner.tolist()):
        if j > expected and (i == 0 or same[i - 1]):
            found.add(int(numbers[i]))  # the other one makes changes of its own before this one
        expected = max(expected, j + 1)
    if expected < len(theirs[0]):
        found.add(first.op_end(k))
    return found


def difference(first: Timeline, second: Timeline, tables: tuple[str, ...] = COMPARED) -> Difference:
    """How the two machines differ at the timelines' positions."""
    cells, example = 0, None
    for table in tables:
        for field in TABLES[table]:
            a, b = _column(first, table, field), _column(second, table, field)
            n = min(len(a), len(b))
            unlike = np.flatnonzero(a[:n] != b[:n])
            cells += len(unlike) + int(np.count_nonzero(a[n:])) + int(np.count_nonzero(b[n:]))
            if len(unlike) and example is None:
                row = int(unlike[0])
                example = (f"{table}.{field}", row, int(a[row]), int(b[row]))
    return Difference(cells, example)


def _column(timeline: Timeline, table: str, field: str) -> Ints:
    return np.asarray(getattr(getattr(timeline.machine, table), field))


def changed_functions(first: Timeline, second: Timeline, position: int) -> list[str]:
    """The functions around a position that the two kernels have in different versions."""
    names = [call.name for call in reversed(first.calls_at(position)) if not call.name.startswith("op ")]
    if 0 < position <= len(first):
        names.insert(0, first.transition(position - 1).function)
    return [name for name in dict.fromkeys(names) if _release(first, name) != _release(second, name)]


def _release(timeline: Timeline, function: str) -> str | None:
    source = timeline.source(function)
    return source.release if source is not None else None


class Parting(NamedTuple):
    """Where two runs part first: in operation `op`, with a transition of each that the other does not make so.

    None: that run makes none there; it goes on with what the other does later, or it has ended.
    """

    op: int
    first: int | None
    second: int | None


_TOTALS: Final = tuple(info.id for name, info in COLUMN.items() if name.startswith(("mm.", "sys.")))
"""Statistics, which nearly every release keeps in another way."""


def first_parting(first: Timeline, second: Timeline) -> Parting | None:
    """The first difference between the logs of two kernels; None if they are the same to the end.

    A difference in statistics alone (rss, nr_mapped) is told only where there is no other.
    """
    return _first_parting(first, second, _TOTALS) or _first_parting(first, second, ())


def _first_parting(first: Timeline, second: Timeline, but: tuple[int, ...]) -> Parting | None:
    common = min(first.op_count, second.op_count)
    for k in range(common):
        found = _parting_in(first, second, k, but)
        if found is not None:
            return found
    if first.op_count == second.op_count:
        return None
    if first.op_count > common:
        return Parting(common, first.op_start(common), None)
    return Parting(common, None, second.op_start(common))


def _parting_in(first: Timeline, second: Timeline, k: int, but: tuple[int, ...]) -> Parting | None:
    numbers, ours = _changes_but(first, k, but)
    numbers2, theirs = _changes_but(second, k, but)
    partner, same = _partners(first, second, ours, theirs)
    expected = 0
    for i, j in enumerate(partner.tolist()):
        if j >= 0 and j == expected and same[i]:
            expected += 1
            continue
        at = int(numbers2[expected]) if expected < len(numbers2) else None
        if j > expected:
            return Parting(k, None, at)
        alone = expected not in set(partner.tolist())
        return Parting(k, int(numbers[i]), at if j >= 0 or alone else None)
    return Parting(k, None, int(numbers2[expected])) if expected < len(numbers2) else None


def _changes_but(timeline: Timeline, k: int, but: tuple[int, ...]) -> tuple[Ints, Changes]:
    """(numbers of the transitions, changes) of an operation, without some columns."""
    start = timeline.op_start(k)
    cells, values = _changes(timeline, start, timeline.op_end(k))
    kept = np.flatnonzero(~np.isin(cells >> ROW_BITS, but))
    return kept + start, (cells[kept], values[kept])
