"""6.x -- today's kernel: a pte says itself whether a page is behind it, and a page whether it is one process's own.

What twenty years changed of what the model shows, measured on Linux 6.18: VM_RESERVED is gone, a special pte has no
page, the ZERO_PAGE is not counted, an anonymous page is exclusive until fork shares it, a write reuses a page only if
nobody else has a reference, a pinned page is never shared by fork, and a page in a bad state is never used again.

The functions stand in v6_x_pages, v6_x_huge, v6_x_fault, v6_x_gup, v6_x_map, v6_x_mmap and v6_x_madvise, each with the
change that it is from. As with CONFIG_DEBUG_VM, dropping a reference that does not exist is a BUG. Left out: swap, huge
pages of files, userfaultfd, memory cgroups, the per-CPU batches that keep a page a moment longer.
"""

from __future__ import annotations

from mmtui.engine.kernel.v6_x_madvise import ModernMadvise


class Linux_6_x(ModernMadvise):
    """All of it."""

    release = "6.x"
