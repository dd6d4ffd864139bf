"""Today's kernel: what a trace comes to on the model 6.x."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import FunctionType

import pytest

import mmtui
from mmtui.engine.flags import PG_anon_exclusive, vm_flags_of
from mmtui.engine.instrument import build, kernel_functions
from mmtui.engine.kernel import DEFAULT, RELEASES
from mmtui.engine.kernel.v6_x import Linux_6_x
from mmtui.engine.pgtable import PTE_GUARD, PTE_RW, PTE_SPECIAL

TRACES = sorted((Path(__file__).parents[2] / "traces").glob("*.json"))
AT = 0x10000000
SPAWN = {"op": "spawn", "pid": 1}
FORK = {"op": "fork", "parent": 1, "child": 2}
ANON = {"op": "mmap", "pid": 1, "addr": AT, "pages": 4, "prot": "rw", "flags": ["private"], "backing": {"anon": True}}
FILE = {**ANON, "backing": {"file": "f"}}
ALLOC = {"op": "alloc", "driver": "d", "buf": "b", "order": 2}
DRIVER = {"op": "driver", "name": "d", "buf": "b"}


def touch(op, page=0, pid=1):
    return {"op": op, "pid": pid, "addr": AT + page * 4096}


def ran(*ops, machine=None):
    """The timeline of some operations on 6.x, at its end."""
    timeline = mmtui.load({"mmtui": 1, "kernel": "6.x", "machine": machine or {}, "ops": list(ops)})
    timeline.seek(len(timeline))
    return timeline


def pte(timeline, pid=1, page=0):
    return next((each for each in timeline.ptes(pid) if each.address == AT + page * 4096), None)


def frame(timeline, pid=1, page=0):
    return timeline.frame(pte(timeline, pid, page).pfn)


# The model among the others


def test_it_is_the_last_model_and_not_the_default():
    assert list(RELEASES)[-1] == "6.x"
    assert DEFAULT == "2.6.15"


def test_every_function_that_it_restates_names_its_change():
    for owner in Linux_6_x.__mro__[: Linux_6_x.__mro__.index(RELEASES["2.6.15"])]:
        for name, function in vars(owner).items():
            before = next((vars(base)[name] for base in RELEASES["2.6.15"].__mro__ if name in vars(base)), None)
            if isinstance(function, FunctionType) and isinstance(before, FunctionType):
                assert function.since_[2], name
                assert inspect.signature(function) == inspect.signature(before), name


def test_what_is_gone_is_gone_and_nothing_else():
    before, now = kernel_functions(RELEASES["2.6.15"]), kernel_functions(Linux_6_x)

    assert set(before) - set(now) == {
        "put_compound_page", "do_file_page", "populate_fault", "can_share_swap_page", "untouched_anonymous_page",
        "get_zero_page", "pin_takes_reference", "zap_pte", "install_page", "filemap_populate",
    }  # fmt: skip


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_every_sample_trace_of_history_runs(path):
    timeline = mmtui.load(path, kernel="6.x")

    assert timeline.over or timeline.op_count == len(timeline.trace.ops)
    assert "LOOP" not in {timeline.result(number) for number in range(timeline.op_count)}
    timeline.seek(len(timeline))
    assert timeline.state()["procs"] is not None
    assert all(timeline.frame(pfn).mapcount >= -1 for pfn in range(len(timeline.machine.page.count)))
    timeline.seek(0)
    assert not timeline.processes()


def test_vm_reserved_does_not_exist_and_changes_nothing():
    assert "VM_RESERVED" not in vm_flags_of("6.x")

    timeline = ran(SPAWN, {**FILE, "vm_flags": ["VM_RESERVED"]}, touch("read"))

    assert frame(timeline).mapcount == 1
    assert timeline.processes()[0].file_rss == 1


# Pages


def test_the_zero_page_is_never_counted():
    timeline = ran(SPAWN, ANON, touch("read"), FORK)

    assert pte(timeline).pfn == 1
    assert pte(timeline).val & PTE_SPECIAL
    assert (frame(timeline).count, frame(timeline).mapcount) == (1, 0)
    assert timeline.processes()[0].file_rss == 0


def test_an_anonymous_page_is_exclusive_until_fork_shares_it():
    alone = ran(SPAWN, ANON, touch("write"))
    shared = ran(SPAWN, ANON, touch("write"), FORK)

    assert frame(alone).flags & PG_anon_exclusive
    assert not frame(shared).flags & PG_anon_exclusive
    assert frame(shared).count == 2
    assert not pte(shared, 1).val & PTE_RW


def test_the_last_owner_reuses_the_page_and_has_it_alone_again():
    timeline = ran(SPAWN, ANON, touch("write"), FORK, touch("write", pid=2), touch("write"))

    assert pte(timeline, 1).pfn != pte(timeline, 2).pfn
    assert frame(timeline, 1).flags & PG_anon_exclusive
    assert frame(timeline, 1).count == 1


def test_whoever_writes_first_after_a_fork_gets_the_copy():
    timeline = ran(SPAWN, ANON, touch("write"), FORK, touch("write"))

    assert timeline.events("cow")[-1].subject["pfn"] == pte(timeline, 1).pfn
    assert not frame(timeline, 2).flags & PG_anon_exclusive


def test_a_pin_counts_1024_and_fork_copies_the_page_at_once():
    pin = {"op": "pin", "pid": 1, "addr": AT, "name": "dma", "write": True}

    timeline = ran(SPAWN, ANON, touch("write"), pin, FORK)

    assert frame(timeline).count == 1025
    assert frame(timeline).flags & PG_anon_exclusive
    assert pte(timeline, 2).pfn != pte(timeline, 1).pfn
    assert timeline.holders(pte(timeline).pfn).surplus == 0
    assert not timeline.events("leak")


def test_unpin_gives_all_of_it_back():
    pin = {"op": "pin", "pid": 1, "addr": AT, "name": "dma", "write": True}

    timeline = ran(SPAWN, ANON, pin, {"op": "unpin", "name": "dma"}, {"op": "exit", "pid": 1})

    assert not timeline.events("leak")
    assert timeline.state()["nfree"] == 254


def test_a_pin_for_reading_unshares_a_page_that_fork_shared():
    pin = {"op": "pin", "pid": 2, "addr": AT, "name": "dma"}

    timeline = ran(SPAWN, ANON, touch("write"), FORK, pin)

    assert pte(timeline, 2).pfn != pte(timeline, 1).pfn
    assert not pte(timeline, 2).val & PTE_RW
    assert timeline.extra(4)["pfn"] == pte(timeline, 2).pfn


def test_fork_leaves_shared_memory_to_the_child_s_own_faults():
    shared = {**ANON, "flags": ["shared"]}

    timeline = ran(SPAWN, shared, touch("write"), FORK)

    assert pte(timeline, 1) is not None
    assert pte(timeline, 2) is None


def test_fork_copies_a_private_file_mapping_only_once_it_has_anonymous_pages():
    read = ran(SPAWN, FILE, touch("read"), FORK)
    written = ran(SPAWN, FILE, touch("read"), touch("write", 1), FORK)

    assert pte(read, 2) is None
    assert pte(written, 2) is not None


def test_fault_around_is_an_option():
    unmap = {"op": "munmap", "pid": 1, "addr": AT, "pages": 4}
    ops = (SPAWN, FILE, touch("read", 1), touch("read", 2), unmap, FILE, touch("read", 1))

    plain, around = ran(*ops), ran(*ops, machine={"fault_around": True})

    assert [each.address - AT >> 12 for each in plain.ptes(1)] == [1]
    assert [each.address - AT >> 12 for each in around.ptes(1)] == [1, 2]


def test_a_shared_file_page_takes_a_second_fault_for_its_first_write():
    timeline = ran(SPAWN, {**FILE, "flags": ["shared"]}, touch("read"), touch("write"), touch("write"))

    assert [timeline.extra(number).get("faults") for number in (2, 3, 4)] == [1, 1, 0]
    assert frame(timeline).mapcount == 1


# Drivers


def test_remapped_frames_have_special_ptes_and_no_count():
    mmap = {**ANON, "backing": {"driver": "d"}, "flags": ["shared"], "remap": {"buf": "b"}}

    timeline = ran(SPAWN, ALLOC, mmap, touch("read"), {"op": "exit", "pid": 1})

    assert {"VM_PFNMAP", "VM_IO", "VM_DONTEXPAND", "VM_DONTDUMP"} <= set(
        ran(SPAWN, ALLOC, mmap).vmas(1)[0].flag_names
    )
    assert timeline.extra(1)["pfn"] == 4
    assert timeline.machine.page.count[4] == 1
    assert not timeline.events("stray_put")


def test_a_page_that_a_driver_inserts_makes_a_mixed_map_that_fork_copies():
    mmap = {**ANON, "backing": {"driver": "d"}, "flags": ["shared"]}
    insert = {"op": "insert_page", "pid": 1, "addr": AT, "buf": "b", "index": 0}

    timeline = ran(SPAWN, ALLOC, DRIVER, mmap, insert, FORK)

    assert "VM_MIXEDMAP" in timeline.vmas(1)[0].flag_names
    assert pte(timeline, 2).pfn == pte(timeline, 1).pfn
    assert frame(timeline).mapcount == 2


def test_a_device_without_a_page_for_an_address_is_a_sigbus():
    mmap = {**ANON, "backing": {"driver": "d"}, "flags": ["shared"], "remap": {"buf": "b", "pages": 1}}

    timeline = ran(SPAWN, ALLOC, mmap, touch("read", 1))

    assert timeline.result(3) == "SIGBUS"


@pytest.mark.parametrize(("op", "result"), [
    ({"op": "pin", "pid": 1, "addr": AT, "name": "p"}, "-EFAULT"),
    ({"op": "madvise", "pid": 1, "addr": AT, "pages": 1, "advice": "dontneed"}, "-EINVAL"),
])  # fmt: skip
def test_a_pfn_mapping_is_refused(op, result):
    mmap = {**ANON, "backing": {"driver": "d"}, "flags": ["shared"], "remap": {"buf": "b"}}

    assert ran(SPAWN, ALLOC, mmap, op).result(3) == result


def test_a_compound_page_is_freed_by_its_last_put():
    mmap = {**ANON, "backing": {"driver": "d"}, "flags": ["shared"]}
    ops = ({**ALLOC, "comp": True}, DRIVER, SPAWN, mmap, touch("read", 1), {"op": "free", "driver": "d", "buf": "b"})

    timeline = ran(*ops, {"op": "exit", "pid": 1})

    assert not timeline.over
    assert timeline.state()["nfree"] == 254


def test_a_bad_page_never_comes_back():
    free = {"op": "free", "driver": "d", "buf": "b"}

    timeline = ran(ALLOC, {"op": "set_reserved", "pfn": 4}, free)

    assert [event.subject["pfn"] for event in timeline.events("bad_page")] == [4]
    assert not timeline.frame(4).free


# Protection, file offsets


def test_mprotect_gives_an_exclusive_page_back_its_write_permission():
    protect = {"op": "mprotect", "pid": 1, "addr": AT, "pages": 4}

    timeline = ran(SPAWN, ANON, touch("write"), {**protect, "prot": "r"}, {**protect, "prot": "rw"}, touch("write"))

    assert timeline.extra(5)["faults"] == 0


def test_remap_file_pages_makes_a_vma_of_its_own():
    remap = {"op": "remap_file_pages", "pid": 1, "addr": AT + 4096, "pages": 1, "pgoff": 3}

    timeline = ran(SPAWN, {**FILE, "flags": ["shared"]}, remap)

    assert [(vma.start - AT) >> 12 for vma in timeline.vmas(1)] == [0, 1, 2]
    assert timeline.vmas(1)[1].pgoff == 3
    assert pte(timeline, page=1) is not None


def test_guards_are_shown_and_named():
    from mmtui.engine.pgtable import pte_text

    assert pte_text(PTE_GUARD) == "G"
    assert "madvise_guard_install" in build(Linux_6_x).by_name
