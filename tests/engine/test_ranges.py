"""The fast range operations log what the kernel's own functions log, row for row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmtui.engine.run import Run
from mmtui.trace import codec
from tests.machines import KERNELS

BASE = 0x10000000
PAGES = 96
SPANS = st.tuples(st.integers(0, PAGES - 1), st.integers(1, PAGES))


def touches(pid, pages, name="write"):
    return [{"op": name, "pid": pid, "addr": BASE + page * 4096} for page in pages]


def span(name, pid, where, **more):
    return {"op": name, "pid": pid, "addr": BASE + where[0] * 4096, "pages": where[1], **more}


ACTS = st.one_of(
    st.builds(lambda pid, s: touches(pid, range(s[0], min(s[0] + s[1], PAGES))), st.integers(1, 3), SPANS),
    st.builds(lambda pid, s: touches(pid, range(s[0], min(s[0] + s[1], PAGES), 3)), st.integers(1, 3), SPANS),
    st.builds(lambda pid, s: touches(pid, range(s[0], min(s[0] + 20, PAGES)), "read"), st.integers(1, 3), SPANS),
    st.builds(lambda a, b: [{"op": "fork", "parent": a, "child": b}], st.integers(1, 3), st.integers(1, 3)),
    st.builds(lambda pid: [{"op": "exit", "pid": pid}], st.integers(2, 3)),
    st.builds(lambda pid, s: [span("munmap", pid, s)], st.integers(1, 3), SPANS),
    st.builds(lambda pid, s: [span("madvise", pid, s, advice="dontneed")], st.integers(1, 3), SPANS),
    st.builds(
        lambda pid, s, prot: [span("mprotect", pid, s, prot=prot)],
        st.integers(1, 3), SPANS, st.sampled_from(["r", "rw", "none"]),
    ),
    st.builds(lambda pfn: [{"op": "set_reserved", "pfn": pfn}], st.integers(2, 120)),
    st.builds(lambda pfn: [{"op": "clear_reserved", "pfn": pfn}], st.integers(2, 120)),
    st.just([{"op": "driver", "name": "drv", "buf": "b", "get_page": False}]),
)  # fmt: skip
BACKINGS = st.sampled_from(
    [
        {"flags": ["private"], "backing": {"anon": True}},
        {"flags": ["shared"], "backing": {"anon": True}},
        {"flags": ["shared"], "backing": {"file": "f"}},
        {"flags": ["private"], "backing": {"file": "f"}},
        {"flags": ["shared"], "backing": {"driver": "drv"}},
        {"flags": ["shared"], "backing": {"driver": "mem"}, "remap": {"pfn": 40}},
    ]
)
TRACES = st.builds(
    lambda backing, again, acts: {
        "mmtui": 1,
        "machine": {"frames": 420, "reserved": [[0, 4], [60, 64]]},
        "ops": [
            {"op": "alloc", "driver": "drv", "buf": "b", "order": 6},
            {"op": "driver", "name": "drv", "buf": "b"},
            {"op": "spawn", "pid": 1},
            {"op": "mmap", "pid": 1, "addr": BASE, "pages": PAGES, "prot": "rw", **backing},
            *touches(1, range(60)),
            *([{"op": "mmap", "pid": 1, "addr": BASE + 4096 * 200, "pages": PAGES, "prot": "rw", **backing}] * again),
            *(op for act in acts for op in act),
        ],
    },
    BACKINGS,
    st.integers(0, 1),
    st.lists(ACTS, min_size=1, max_size=9),
)


def log_of(kernel, trace, fast):
    run = Run(kernel, trace.machine, fast=fast)
    run.run(trace.ops)
    calls = run.log.calls
    rows = [np.concatenate([chunk[at] for chunk in run.log.chunks()]).astype(np.int64) for at in (1, 2, 3, 4, 5)]
    tree = [column.astype(np.int64) for column in (calls.fn, calls.parent, calls.start, calls.end, calls.a0, calls.a1)]
    return rows, tree, run


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(trace=TRACES)
def test_the_log_is_that_of_the_scalar_functions(kernel, trace):
    decoded = codec.decode(trace)
    rows, calls, run = log_of(kernel, decoded, True)
    plain_rows, plain_calls, plain = log_of(kernel, decoded, False)

    for fast, scalar in zip(rows + calls, plain_rows + plain_calls, strict=True):
        assert np.array_equal(fast, scalar)
    for name, values in plain.cells.columns.items():
        assert np.array_equal(run.cells.columns[name], values), name
    assert run.kernel.index.free_count == plain.kernel.index.free_count


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_long_range_takes_the_fast_way(kernel, monkeypatch):
    """The test above would say nothing if no run were ever repeated."""
    from mmtui.engine import ranges

    repeated = []
    whole = ranges._Replica.write
    monkeypatch.setattr(
        ranges._Replica, "write", lambda self, *args: (repeated.append(len(self.pfn)), whole(self, *args))[1]
    )
    ops = [
        {"op": "spawn", "pid": 1},
        {"op": "mmap", "pid": 1, "addr": BASE, "pages": 80, "prot": "rw", "flags": ["private"]}
        | {"backing": {"anon": True}},
        *touches(1, range(80)),
        {"op": "fork", "parent": 1, "child": 2},
        {"op": "exit", "pid": 2},
        {"op": "exit", "pid": 1},
    ]
    log_of(kernel, codec.decode({"mmtui": 1, "ops": ops}), True)
    assert repeated == [79, 79, 79]
