"""Why the kernel refused an operation: the test that said no, and the commit that put it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mmtui.words.text import plain

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline

_RC1: Final = 'b5810039a54e "core remove PageReserved"'

_BY_KERNEL: Final[dict[tuple[str, str, str], str]] = {
    ("mmap", "-EACCES", "2.6.15-rc2"): f"do_mmap_pgoff: a private writable area may not have VM_RESERVED ({_RC1}).",
    ("mprotect", "-EACCES", "2.6.15-rc2"): f"sys_mprotect: an area with VM_RESERVED may not become writable ({_RC1}).",
    ("pin", "-EFAULT", "2.6.15-rc2"): f"get_user_pages: VM_RESERVED is refused like VM_IO ({_RC1}).",
    ("pin", "-EFAULT", "2.6.15"): "get_user_pages: VM_IO and VM_PFNMAP are refused (1ff8038988a).",
    ("mmap", "-EINVAL", "2.6.15"): "remap_pfn_range: a COW mapping must be remapped whole (7fc7e2eeecb).",
    ("mmap", "-EINVAL", "2.6.15-rc5"): "incomplete_pfn_remap: the first page of a partial remap must be a PG_reserved "
    "one (238f58d898df).",
    ("mmap", "-EINVAL", "6.x"): "remap_pfn_range: a COW mapping must be remapped whole (7fc7e2eeecb).",
    ("pin", "-EFAULT", "6.x"): "get_user_pages: VM_IO and VM_PFNMAP are refused, or the vma forbids the access.",
    ("read", "SIGBUS", "6.x"): "there is no page for that offset: nopage has none, or the area is VM_PFNMAP.",
    ("write", "SIGBUS", "6.x"): "there is no page for that offset: nopage has none, or the area is VM_PFNMAP.",
    ("mremap", "-EFAULT", "2.6.15"): "do_mremap: nothing is mapped there, or VM_DONTEXPAND or VM_PFNMAP forbids "
    "growing (4d7672b46244).",
}

_ALWAYS: Final[dict[tuple[str, str], str]] = {
    ("mmap", "-EACCES"): "do_mmap_pgoff: a file opened read-only may not be mapped shared and writable.",
    ("mmap", "-EINVAL"): "do_mmap_pgoff: the address is not page aligned, or there are 0 pages.",
    ("mmap", "-ENOMEM"): "do_mmap_pgoff: the range does not lie below TASK_SIZE.",
    ("munmap", "-EINVAL"): "do_munmap: the range is unaligned, empty, or not below TASK_SIZE.",
    ("mprotect", "-EACCES"): "sys_mprotect: the vma lacks the VM_MAY bit for what was asked.",
    ("mprotect", "-EINVAL"): "sys_mprotect: the address is not page aligned.",
    ("mprotect", "-ENOMEM"): "sys_mprotect: part of the range is not mapped; what came before it is done.",
    ("madvise", "-EINVAL"): "madvise_dontneed: the address is unaligned, or a flag of the vma forbids it.",
    ("madvise", "-ENOMEM"): "sys_madvise: part of the range is not mapped; the rest is done.",
    ("mremap", "-EINVAL"): "do_mremap: an address is unaligned, the new size is 0, or the ranges overlap.",
    ("mremap", "-EFAULT"): "do_mremap: nothing is mapped there, or VM_DONTEXPAND forbids growing.",
    ("mremap", "-ENOMEM"): "do_mremap: the next vma leaves no room to grow.",
    ("remap_file_pages", "-EINVAL"): "sys_remap_file_pages: only inside one shared mapping of a file.",
    ("insert_page", "-EFAULT"): "vm_insert_page: the address lies outside the vma.",
    ("insert_page", "-EINVAL"): "vm_insert_page: the page has no reference, or is anonymous.",
    ("insert_page", "-EBUSY"): "vm_insert_page: the pte is not empty.",
    ("insert_page", "unsupported"): "vm_insert_page came with 2.6.15-rc4 (a145dd411eb2).",
    ("pin", "-EFAULT"): "get_user_pages: the vma is missing, has VM_IO, or forbids the access.",
    ("pin", "-ENOMEM"): "get_user_pages: no frame is free for the fault.",
    ("free", "-EINVAL"): "there is no such buffer, or it is free already.",
    ("unpin", "-EINVAL"): "there is no such pin: get_user_pages had refused it, or it was dropped.",
    ("drop_cache", "-ENOENT"): "the page cache does not have that page.",
    ("drop_cache", "-EBUSY"): "somebody beside the page cache has a reference.",
}

_RESULTS: Final[dict[str, str]] = {
    "SIGSEGV": "do_page_fault: no vma covers the address, or it forbids the access.",
    "SIGBUS": "nopage had no page for that offset.",
    "OOM": "no frame is free.",
    "-ESRCH": "there is no such process.",
    "-EEXIST": "that name or pid is in use.",
    "-ENOMEM": "nothing fits.",
    "LOOP": "the fault is taken again and again.",
}


def refusal_text(timeline: Timeline, number: int) -> str:
    """The test that refused operation `number`, as a sentence; "" for an operation that was not refused."""
    op: Any = timeline.op(number)
    result = timeline.result(number)
    kernel, name = timeline.kernel, str(op.name)
    if not result.startswith("-") and result not in _RESULTS and result != "unsupported":
        return ""
    said = {message.get("kind") for message in timeline.messages(number)}
    if result == "OOM" and said & {"bogus_page", "bad_pte"}:
        return "do_wp_page: there is no struct page to copy."
    found = _BY_KERNEL.get((name, result, kernel)) or _ALWAYS.get((name, result)) or _RESULTS.get(result)
    if name == "mmap" and result == "-EINVAL" and not (op.remap and op.pages and op.addr % 4096 == 0):
        found = _ALWAYS[name, result]
    if name == "mmap" and result == "-EACCES" and op.ro_file and "w" in op.prot and "shared" in op.flags:
        found = _ALWAYS[name, result]
    return found or f"the kernel answered {plain(result)}."
