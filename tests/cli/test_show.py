"""`mmtui show`: layouts that crash users know."""

from __future__ import annotations

import pytest

from tests.cli.conftest import TRACES, Mmtui

LEAK = TRACES / "nopage-leak.json"
MMIO = TRACES / "vbetool-mmio.json"


def test_vm(mmtui: Mmtui) -> None:
    done = mmtui("show", "vm", LEAK, "--at", "leak", "--pid", "2")

    lines = done.out.splitlines()
    assert done.status == 0
    assert lines[0].startswith("PID: 2  MM: ")
    assert lines[0].endswith('COMMAND: "aplay"  (exiting)')
    assert lines[1].split() == ["MM", "PGTABLES", "RSS", "TOTAL_VM"]
    assert lines[2].split()[1:] == ["3", "4k", "48k"]
    assert lines[3].split() == ["VMA", "START", "END", "FLAGS", "FILE"]
    assert lines[6].split()[1:] == ["10000000", "10004000", "800fb", "drv"]
    assert any(line.startswith("  10000000: VM_READ VM_WRITE") and "VM_RESERVED" in line for line in lines)


def test_vtop_translates_an_address(mmtui: Mmtui) -> None:
    done = mmtui("show", "vtop", LEAK, "--at", "op:27", "--pid", "2", "--addr", "0x10000123", "--addr", "4")

    lines = [line.split() for line in done.out.splitlines()]
    assert ["10000123", "8123"] in lines
    assert ["PTE:", "entry", "0", "=>", "8027", "(PRESENT|RW|USER|ACCESSED)"] in lines
    assert " PAGE: 8000  a window: the entry holds no reference" in done.out
    assert ["8", "8000", "-", "0", "2", "0", "0"] in lines
    assert ["4", "(not", "mapped)"] in lines


def test_vtop_lists_every_entry(mmtui: Mmtui) -> None:
    done = mmtui("show", "vtop", LEAK, "--at", "op:27")

    assert done.out.count("COMMAND:") == 2
    assert "10000000      8000   8027    2    ~  (PRESENT|RW|USER|ACCESSED)" in done.out


def test_a_window_on_what_is_no_page(mmtui: Mmtui) -> None:
    done = mmtui("show", "vtop", MMIO, "--at", "50%", "--addr", "0x10000000")

    assert done.status == 0


def test_kmem(mmtui: Mmtui) -> None:
    done = mmtui("show", "kmem", LEAK, "--at", "leak", "--pfn", "8", "--pfn", "0xc")

    rows = [line.split() for line in done.out.splitlines()]
    assert rows == [
        ["PAGE", "PHYSICAL", "MAPPING", "INDEX", "CNT", "MAP", "FLAGS"],
        ["8", "8000", "-", "0", "2", "0", "0"],
        ["c", "c000", "sh", "0", "2", "1", "2c", "referenced,uptodate,lru"],
    ]


def test_kmem_lists_what_is_not_free_or_all(mmtui: Mmtui) -> None:
    used = mmtui("show", "kmem", LEAK, "--at", "0").out.splitlines()
    every = mmtui("show", "kmem", LEAK, "--at", "0", "--all").out.splitlines()

    assert len(used) == 1 + 8 + 4
    assert len(every) == 1 + 120
    assert sum("(free)" in line for line in every) == 108


def test_ledger_tells_a_leak_as_kmemleak_does(mmtui: Mmtui) -> None:
    done = mmtui("show", "ledger", LEAK, "--at", "leak")

    lines = done.out.splitlines()
    assert lines[0] == "unreferenced page 008 (count 2, held 1):"
    assert lines[1].startswith("  surplus, at 27.36: page 008: count 2, holders 1. zap_pte_range put nothing")
    assert "  lost in op 27  exit  pid 2 aplay, along:" in lines
    assert "    __alloc_pages 2" in lines
    assert lines[-1] == "1 page at 27.36 with references that nobody holds"


def test_ledger_before_the_leak_and_of_one_page(mmtui: Mmtui) -> None:
    assert mmtui("show", "ledger", LEAK, "--at", "op:27").out == "0 pages at 26.2 with references that nobody holds\n"

    done = mmtui("show", "ledger", LEAK, "--at", "op:27", "--pfn", "8")

    assert "  +1  drv owns the block, since op 0 __alloc_pages" in done.out
    assert done.out.splitlines()[0].startswith("page 008 (driver page, page of drv")


def test_without_a_place_it_is_the_end(mmtui: Mmtui) -> None:
    assert mmtui("show", "vm", LEAK).out == mmtui("show", "vm", LEAK, "--at", "100%").out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("vm", LEAK, "--pid", "9"), "--pid 9: no such process at 28.15 (there: 1)"),
        (("vm", LEAK, "--addr", "1"), "--addr belongs to show vtop, not to show vm"),
        (("kmem", LEAK, "--pfn", "128"), "--pfn 128: the machine has frames 0 to 127 (0x7f)"),
        (("vtop", LEAK, "--addr", "zz"), "--addr zz: expected a number, as 16 or 0x10"),
        (("kmem", LEAK, "--at", "op:99"), "--at op:99: "),
        (("regs", LEAK), "Invalid value for"),
    ],
)
def test_what_is_wrong_is_one_line(mmtui: Mmtui, args: tuple[str, ...], said: str) -> None:
    done = mmtui("show", *args)

    assert done.status == 2
    assert done.err.startswith(f"mmtui: {said.split(' at ')[0]}")
    assert done.err.count("\n") == 1


def test_no_process_yet(mmtui: Mmtui) -> None:
    assert mmtui("show", "vm", LEAK, "--at", "0").out.startswith("no process at ")
