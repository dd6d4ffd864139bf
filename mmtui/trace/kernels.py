"""The names of the kernel models, and what each is: light enough to be asked before any model is loaded."""

from __future__ import annotations

from typing import Final, NamedTuple


class Kernel(NamedTuple):
    """A model's name, the exact tree it follows, and what is new in it, in a line."""

    name: str
    tree: str
    about: str


_ALL: Final = (
    Kernel("2.6.14", "v2.6.14", "PG_reserved is honoured everywhere: a reserved page is neither counted nor freed"),
    Kernel("2.6.15-rc2", "v2.6.15-rc2", "PG_reserved is not looked at: VM_RESERVED says which ptes are not managed"),
    Kernel("vm-unpaged", "f3d48f0373c1", "VM_UNPAGED takes over from VM_RESERVED; nopage pages are counted everywhere"),
    Kernel("2.6.15-rc3", "6aab341e0a28", "VM_PFNMAP: vm_normal_page tells a pfn mapping from a page by its vm_pgoff"),
    Kernel("2.6.15-rc5", "v2.6.15-rc5", "a partial remap falls back to counted pages, VM_INCOMPLETE; vm_insert_page"),
    Kernel("2.6.15", "v2.6.15", "partial private remaps are refused; VM_INSERTPAGE; the rules that were kept"),
    Kernel("6.x", "v6.18", "special ptes, an uncounted ZERO_PAGE, exclusive anonymous pages, reuse by reference, pins"),
)
KERNELS: Final[dict[str, Kernel]] = {kernel.name: kernel for kernel in _ALL}
"""Every kernel model by its name, the oldest first."""
