"""The outline of the log, against a plain walk over a small random call tree."""

from __future__ import annotations

import random

import numpy as np
import pytest

from mmtui.engine.cells import Cells, Recorder
from mmtui.engine.log import Log
from mmtui.engine.schema import BASE
from mmtui.ui.panes.outline import Item, Level, Tree

NAMES = ("op", "zap_pte_range", "put_page", "page_remove_rmap")


class SmallTimeline:
    """As much of a timeline as the outline asks for."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def __len__(self) -> int:
        return len(self.log)

    @property
    def op_count(self) -> int:
        return int((self.log.calls.parent < 0).sum())

    def op_call(self, number: int) -> int:
        return int(np.flatnonzero(self.log.calls.parent < 0)[number])

    def op_start(self, number: int) -> int:
        return int(self.log.calls.start[self.op_call(number)])

    def op_end(self, number: int) -> int:
        return int(self.log.calls.end[self.op_call(number)])

    def function_number(self, name: str) -> int:
        return NAMES.index(name)


def random_log(seed: int, operations: int = 3) -> Log:
    """Operations with nested calls, some of them empty."""
    rng, log = random.Random(seed), Log()
    recorder = Recorder(Cells(), log)
    values = iter(range(1, 10_000))

    def body(depth: int) -> None:
        for _ in range(rng.randrange(4)):
            if depth < 4 and rng.random() < 0.5:
                parent = recorder.enter(rng.randrange(1, 4), 0, 0)
                body(depth + 1)
                recorder.leave(parent)
            else:
                column = memoryview(recorder.cells.columns["page.count"])
                recorder.store(column, BASE["page.count"], rng.randrange(8), next(values), 0)

    for number in range(operations):
        parent = recorder.enter(0, number, 0)
        body(1)
        recorder.leave(parent)
    recorder.flush()
    return log


def walked(tree: Tree, call: int, depth: int, opened: frozenset[int]) -> list[Item]:
    """The lines inside a call, the slow way."""
    first, last = (int(tree.start[call]), int(tree.end[call])) if call >= 0 else (0, len(tree.timeline))
    items: list[Item] = []
    at = first
    children = tree.children(call) if call >= 0 else np.flatnonzero(tree.timeline.log.calls.parent < 0)
    for child in children.tolist():
        items += [Item(-1, number, depth, False) for number in range(at, tree.start[child])]
        items.append(Item(child, int(tree.start[child]), depth, child in opened))
        if child in opened:
            items += walked(tree, child, depth + 1, opened)
        at = int(tree.end[child])
    return items + [Item(-1, number, depth, False) for number in range(at, last)]


def tree_of(log: Log, hidden: frozenset[str] = frozenset()) -> Tree:
    return Tree(SmallTimeline(log), hidden)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("hidden", [frozenset(), frozenset({"put_page"})])
def test_every_line_is_the_one_that_a_walk_finds(seed: int, hidden: frozenset[str]) -> None:
    tree = tree_of(random_log(seed), hidden)
    rng = random.Random(seed)
    opened = frozenset(number for number in range(len(tree)) if rng.random() < 0.6)

    level = Level(tree, -1, 0, opened)

    assert [level.item(index) for index in range(len(level))] == walked(tree, -1, 0, opened)


@pytest.mark.parametrize("seed", range(60))
def test_a_transition_is_found_at_its_line_or_at_the_folded_call_around_it(seed: int) -> None:
    log = random_log(seed)
    tree = tree_of(log)
    rng = random.Random(seed)
    opened = frozenset(number for number in range(len(tree)) if rng.random() < 0.6)
    level = Level(tree, -1, 0, opened)

    for number in range(len(log)):
        path = tree.path(log.row(number)[3])
        folded = next((call for call in path if call not in opened), None)
        item = level.item(level.line_of_transition(number, path))

        assert (item.call == folded) if folded is not None else (item.call == -1 and item.number == number)


def test_a_hidden_functions_changes_count_as_its_callers() -> None:
    tree = tree_of(random_log(3), frozenset({"put_page", "zap_pte_range"}))

    names = {NAMES[int(tree.timeline.log.calls.fn[number])] for number in tree.children(0).tolist()}

    assert names <= {"page_remove_rmap"}
