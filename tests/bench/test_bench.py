"""The bench measures what it says; how fast it is, no test asserts."""

from __future__ import annotations

from itertools import islice

import pytest

from mmtui.engine.ops import MachineSpec
from mmtui.engine.run import Run
from mmtui.trace import codec
from tests.bench import generate
from tests.bench.__main__ import main
from tests.bench.rows import PARTS, TINY

SOURCES = {
    "small": generate.small_operations,
    "tree": generate.fork_tree,
    "drivers": generate.many_drivers,
    "mixed": generate.mixed,
    "big": lambda seed: generate.big_mapping(64 + seed, 2),
}


@pytest.mark.parametrize("part", [name for name in PARTS if name not in ("screen", "commands")])
def test_every_part_gives_rows_on_tiny_sizes(part):
    rows = list(PARTS[part](TINY))

    assert rows
    assert all(row.what and row.figure for row in rows)


@pytest.mark.parametrize("name", SOURCES)
def test_a_generated_trace_is_the_same_for_the_same_seed(name, tmp_path):
    for path, seed in (("a", 3), ("b", 3), ("c", 4)):
        generate.write_trace(tmp_path / path, islice(SOURCES[name](seed), 1500), MachineSpec(frames=4096))
    first, again, other = ((tmp_path / path).read_bytes() for path in "abc")

    assert first == again != other
    assert len(codec.decode(first).ops) > 60


@pytest.mark.parametrize("name", SOURCES)
def test_a_generated_trace_runs_without_a_refusal(name):
    run = Run("2.6.15", MachineSpec(frames=8192))
    run.run(islice(SOURCES[name](1), 1500))

    assert {run.result(number) for number in range(run.done)} == {"ok"}


def test_the_table_is_printed(capfd):
    assert main(["--quick", "small", "commands"]) == 0
    lines = capfd.readouterr().out.splitlines()

    assert [text.split("  ")[0] for text in lines] == [
        "what", "small operations: transitions/s", "mmtui --help", "mmtui run small.json",
    ]  # fmt: skip


def test_a_part_that_there_is_not_is_refused(capsys):
    assert main(["fast"]) == 2
    assert "no part 'fast'" in capsys.readouterr().err
