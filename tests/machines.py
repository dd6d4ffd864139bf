"""Random traces for the laws: processes, drivers, faults, forks, in any order, on a small machine."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

KERNELS = ("2.6.14", "2.6.15-rc2", "vm-unpaged", "2.6.15-rc3", "2.6.15-rc5", "2.6.15", "6.x")

BASE = 0x10000000
PIDS = st.integers(1, 3)
PAGES = st.integers(1, 4)
ADDRS = st.integers(0, 7).map(lambda page: BASE + page * 4096)
BUFS = st.sampled_from(["a", "b"])
PROTS = st.sampled_from(["r", "rw", "rw", "none", "rwx"])
FLAGS = st.sampled_from([["shared"], ["private"]])
BACKINGS = st.sampled_from(
    [
        {"backing": {"anon": True}},
        {"backing": {"file": "f", "pgoff": 2}},
        {"backing": {"driver": "drv"}},
        {"backing": {"driver": "drv"}, "vm_flags": ["VM_RESERVED"]},
        {"backing": {"driver": "drv"}, "remap": {"buf": "a"}},
        {"backing": {"driver": "mem"}, "remap": {"pfn": 20, "pages": 1}},
        {"backing": {"driver": "mem"}, "zeromap": True},
        {"backing": {"file": "f"}, "vm_flags": ["VM_DONTCOPY"]},
    ]
)


def op(op: str, /, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """One operation with drawn fields."""
    return st.fixed_dictionaries({"op": st.just(op), **fields})


MMAPS = st.builds(
    lambda base, backing: {**base, **backing},
    op("mmap", pid=PIDS, addr=ADDRS, pages=PAGES, prot=PROTS, flags=FLAGS),
    BACKINGS,
)
OPS = st.one_of(
    op("spawn", pid=PIDS),
    op("fork", parent=PIDS, child=PIDS),
    op("exit", pid=PIDS),
    op("driver", name=st.just("drv"), buf=BUFS, get_page=st.sampled_from([True, False, "unless_reserved"])),
    op("alloc", driver=st.just("drv"), buf=BUFS, order=st.integers(0, 2), comp=st.booleans(), reserved=st.booleans()),
    op("free", driver=st.just("drv"), buf=BUFS),
    op("set_reserved", pfn=st.integers(0, 30)),
    op("clear_reserved", pfn=st.integers(0, 30)),
    MMAPS,
    MMAPS,
    op("munmap", pid=PIDS, addr=ADDRS, pages=PAGES),
    op("mprotect", pid=PIDS, addr=ADDRS, pages=PAGES, prot=PROTS),
    op("madvise", pid=PIDS, addr=ADDRS, pages=PAGES, advice=st.just("dontneed")),
    op("mremap", pid=PIDS, addr=ADDRS, old_pages=PAGES, new_pages=PAGES, new_addr=ADDRS),
    op("remap_file_pages", pid=PIDS, addr=ADDRS, pages=PAGES, pgoff=st.integers(0, 6)),
    op("read", pid=PIDS, addr=ADDRS),
    op("read", pid=PIDS, addr=ADDRS),
    op("write", pid=PIDS, addr=ADDRS),
    op("write", pid=PIDS, addr=ADDRS),
    op("insert_page", pid=PIDS, addr=ADDRS, buf=BUFS, index=st.integers(0, 3)),
    op("pin", pid=PIDS, addr=ADDRS, write=st.booleans(), force=st.booleans(), name=BUFS),
    op("unpin", name=BUFS, dirty=st.booleans()),
    op("drop_cache", file=st.just("f"), pgoff=st.integers(0, 6)),
)

MACHINES = st.fixed_dictionaries(
    {
        "frames": st.sampled_from([24, 40, 64]),
        "reserved": st.just([[0, 4], [20, 22]]),
        "vma_merge": st.booleans(),
        "hugetlb_page": st.booleans(),
    }
)


def traces(most: int = 40) -> st.SearchStrategy[dict[str, Any]]:
    """Whole traces: a process and a driver to begin with, then anything."""
    start = [
        {"op": "spawn", "pid": 1},
        {"op": "alloc", "driver": "drv", "buf": "a", "order": 1},
        {"op": "driver", "name": "drv", "buf": "a"},
        {
            "op": "mmap", "pid": 1, "addr": BASE, "pages": 4, "prot": "rw", "flags": ["private"],
            "backing": {"anon": True},
        },
    ]  # fmt: skip
    return st.builds(
        lambda machine, ops: {"mmtui": 1, "machine": machine, "ops": start + ops},
        MACHINES,
        st.lists(OPS, min_size=1, max_size=most),
    )
