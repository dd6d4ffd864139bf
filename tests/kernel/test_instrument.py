"""What runs is what the source pane shows: the rewritten functions do exactly what the text does."""

from __future__ import annotations

import functools
import inspect

import pytest
from hypothesis import HealthCheck, given, settings

from mmtui.engine import run as running
from mmtui.engine.cells import Cells, Recorder
from mmtui.engine.instrument import Build, build, kernel_functions
from mmtui.engine.kernel import RELEASES
from mmtui.engine.kernel.model import Strings
from mmtui.engine.log import Log
from mmtui.engine.ops import MachineSpec
from mmtui.engine.schema import BASE, TABLES
from mmtui.trace import codec
from tests.machines import KERNELS, traces


class PlainColumn:
    """A column by Python's own protocol: what a model's text means, taken at its word."""

    def __init__(self, model, table, field):
        self._model, self._name, self._base = model, f"{table}_{field}", BASE[f"{table}.{field}"]

    def __getitem__(self, row):
        return getattr(self._model, self._name)[row]

    def __setitem__(self, row, value):
        self._model.recorder.store(getattr(self._model, self._name), self._base, row, value, 0)


class PlainTable:
    def __init__(self, model, table):
        for field in TABLES[table]:
            setattr(self, field, PlainColumn(model, table, field))


def logged(number, function):
    shown = function.kfn_["shown"]
    signature = inspect.signature(function)

    @functools.wraps(function)
    def wrapper(self, *args, **kwargs):
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        values = [given.arguments[name] for name in shown] + [0, 0]
        parent = self.recorder.enter(number, *values[:2])
        try:
            return function(self, *args, **kwargs)
        finally:
            self.recorder.leave(parent)

    return wrapper


def plain(model):
    """The model without rewriting: every kernel function as it stands in its file."""
    made = build(model)

    class Plain(model):
        def __init__(self, *args):
            super().__init__(*args)
            for table in TABLES:
                setattr(self, table, PlainTable(self, table))

    for name, (_, function) in kernel_functions(model).items():
        if hasattr(function, "kfn_"):
            number = made.by_name[function.kfn_["name"] or name]
            setattr(Plain, name, logged(number, function))
    return Build(Plain, made.functions, made.sites, made.by_name)


def log_of(kernel, trace, made):
    run = running.Run(kernel, trace.machine)
    if made is not None:
        run.build = made
        run.kernel = made.kernel(trace.machine, run.recorder, run.strings)
        run.kernel.index.free_count = 0
        run.kernel.boot_memmap()
        run.cells.columns["trace.op"][0] = -1
    run.run(trace.ops)
    calls = run.log.calls
    rows = [run.log.row(number)[:4] for number in range(len(run.log))]
    tree = [
        tuple(int(column[c]) for column in (calls.fn, calls.parent, calls.start, calls.end, calls.a0, calls.a1))
        for c in range(len(calls))
    ]
    return rows, tree, [run.result(number) for number in range(run.done)]


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trace=traces(25))
def test_the_rewritten_model_logs_what_the_text_says(kernel, trace):
    decoded = codec.decode(trace)

    assert log_of(kernel, decoded, None) == log_of(kernel, decoded, plain(RELEASES[kernel]))


class Odd(RELEASES["2.6.15"]):
    """Stores whose values change the very cell that they are for."""

    def raised(self, pfn, by):
        for _ in range(by):
            self.page.count[pfn] += 1
        return by

    def adds(self, pfn):
        self.page.count[pfn] += self.raised(pfn, 2)

    def sets(self, pfn):
        self.page.count[pfn] = 10 * self.raised(pfn, 3)

    def sets_elsewhere(self, pfn):
        self.page.index[self.raised(pfn, 2) + pfn] |= 5


def test_a_store_knows_what_its_own_value_has_stored(monkeypatch):
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    recorder = Recorder(Cells({"page": 64}), Log())
    kernel = build(Odd).machine(recorder)(MachineSpec(frames=64), recorder, Strings())
    recorder.enter(0, 0, 0)
    for act in (kernel.adds, kernel.sets, kernel.sets_elsewhere):
        act(7)
    recorder.flush()
    rows = [recorder.log.row(number)[:3] for number in range(len(recorder.log))]
    count = BASE["page.count"] + 7

    # As Python does it: the old value of an augmented store is read before the other operand is worked out.
    assert [(old, new) for cell, old, new in rows if cell == count] == [
        (0, 1), (1, 2),  # and 0 + 2: nothing changes
        (2, 3), (3, 4), (4, 5), (5, 30),
        (30, 31), (31, 32),
    ]  # fmt: skip
    assert [row for row in rows if row[0] != count] == [(BASE["page.index"] + 9, 0, 5)]


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_site_is_the_line_of_a_store(kernel):
    from pathlib import Path

    import mmtui.engine.kernel as package

    folder = Path(package.__file__).parent
    for function, file, line in build(RELEASES[kernel]).sites[1:]:
        text = (folder / file).read_text().splitlines()[line - 1]
        assert "self." in text, (function, file, line, text)
        assert "=" in text, (function, file, line, text)
