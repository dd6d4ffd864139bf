"""Stretches of operations as one line each, against a plain walk."""

from __future__ import annotations

import random

import pytest

from mmtui.engine.story import Stretch
from mmtui.ui.panes.folded import Folded
from mmtui.ui.panes.outline import Item, Level
from tests.ui.panes.test_outline import random_log, tree_of

SEEDS = range(60)


def folded(seed: int) -> tuple[Folded, list[Item]]:
    """A folded log, and its lines the slow way."""
    tree = tree_of(random_log(seed, operations=12))
    rng = random.Random(seed)
    calls = len(tree.start)
    opened = frozenset(number for number in range(calls) if rng.random() < 0.5)
    bounds = sorted(rng.sample(range(13), 6))
    stretches = [Stretch(bounds[i], bounds[i + 1], f"part {i}") for i in range(0, 6, 2)]
    turned = frozenset(calls + i for i in range(3) if rng.random() < 0.5)
    here = rng.randrange(12)
    level = Level(tree, -1, 0, opened)
    operations = tree.children(-1).tolist()

    lines: list[Item] = []
    for number, op in enumerate(operations):
        at = next((i for i, part in enumerate(stretches) if part.first <= number < part.end), None)
        is_open = at is None or (stretches[at].first <= here < stretches[at].end) != (calls + at in turned)
        if at is not None and number == stretches[at].first:
            lines.append(Item(calls + at, int(tree.start[op]), 0, is_open))
        if is_open:
            lines += [level.item(line) for line in level.lines_of(number, number + 1)]
    return Folded(level, stretches, calls, turned, here), lines


@pytest.mark.parametrize("seed", SEEDS)
def test_every_line_is_the_one_that_a_walk_finds(seed: int) -> None:
    found, lines = folded(seed)

    assert [found.item(line) for line in range(len(found))] == lines


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_on_a_line_is_found_there_again(seed: int) -> None:
    found, lines = folded(seed)

    for line, item in enumerate(lines):
        if item.call >= 0 and item.depth == 0:
            assert found.line_of_call([item.call]) == line


@pytest.mark.parametrize("seed", SEEDS)
def test_a_transition_in_a_folded_stretch_is_at_its_line(seed: int) -> None:
    found, lines = folded(seed)
    tree = found.level._tree

    for line, item in enumerate(lines):
        if item.call >= found.base and not item.is_open:
            stretch = found.stretch(item.call)
            operations = tree.children(-1)[stretch.first : stretch.end]
            for number in range(int(tree.start[operations[0]]), int(tree.end[operations[-1]])):
                path = tree.path(tree.timeline.log.row(number)[3])
                assert found.line_of_transition(number, path) == line


def test_without_stretches_nothing_is_different() -> None:
    level = Level(tree_of(random_log(1)), -1, 0, frozenset())
    found = Folded(level, [], 99, frozenset(), 0)

    assert [found.item(line) for line in range(len(found))] == [level.item(line) for line in range(len(level))]
