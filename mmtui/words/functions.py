"""What each kernel function does, for somebody who has never seen it: two sentences at most, no release in them.

`IN_KERNEL` adds what a release made different. The commit that did it is the model's own `@since`.
"""

from __future__ import annotations

from typing import Final

FUNCTIONS: Final[dict[str, str]] = {
    # System calls and processes
    "sys_mmap": "mmap reserves a range of addresses. No page is behind them until somebody touches them, unless a "
    "driver's mmap method puts some there.",
    "do_mmap_pgoff": "mmap makes a vm_area_struct for a range of addresses. It works out vm_flags, clears what was "
    "mapped there before, and asks the file or the driver whether it agrees.",
    "sys_munmap": "munmap takes a range out of an address space: its vmas go, its ptes are cleared, and every page "
    "that a pte held loses one reference.",
    "do_munmap": "The vmas of the range are cut at its ends and taken out of the list. Only then are the pages behind "
    "them given back.",
    "unmap_region": "The vmas are already out of the list; now their ptes are cleared, then the page tables that "
    "nobody else uses are freed.",
    "remove_vma_list": "The vmas have nothing behind them any more; each gives its file back and is freed.",
    "remove_vma": "A vma that is out of its list gives its file back and is freed. Its pages were given back before.",
    "exit_mmap": "A process ends: all of its ptes are cleared, its page tables freed, its vmas closed. Whatever it "
    "still holds after this, nobody will ever give back.",
    "do_exit": "A process ends. Its address space is taken apart by exit_mmap.",
    "mmput": "The last user of an address space is gone: exit_mmap takes it apart.",
    "copy_mm": "fork gives the child an address space of its own, filled by dup_mmap.",
    "dup_mmap": "fork copies the parent's vmas one by one, but for those with VM_DONTCOPY, and has the ptes of each "
    "copied where the child could not get them again by a fault.",
    "copy_page_range": "fork copies the ptes of one vma. Where every page can be found again by a fault it copies "
    "nothing: the child faults when it touches them.",
    "copy_pte_range": "fork walks one page-table page of the parent, 4 MiB of addresses, and copies each entry.",
    "copy_one_pte": "fork copies one pte. A private page is write-protected in parent and child, so that the first "
    "to write gets a copy; the page gains a reference and a mapping for the child.",
    "sys_mprotect": "mprotect changes what a process may do with a range: vma by vma, splitting where it must.",
    "mprotect_fixup": "One vma, or the part of it in the range, gets its new flags; then its ptes follow.",
    "change_protection": "The ptes of a range get the new protection. A private page never becomes writable this "
    "way: its next write faults, and copies if it is shared.",
    "change_pte_range": "The entries of one page-table page get the new protection; frame, accessed and dirty stay.",
    "sys_madvise": "madvise(MADV_DONTNEED) says that the contents of a range are not needed: its ptes are cleared, "
    "the vmas stay, and the next touch faults.",
    "madvise_dontneed": "The ptes of one vma are cleared while the vma stays. Areas that must not lose their pages "
    "are refused.",
    "madvise_vma": "The advice is carried out for one vma.",
    "sys_mremap": "mremap moves or resizes a mapping: the ptes move as they are, and no count changes.",
    "do_mremap": "mremap decides between shrinking, growing in place and moving.",
    "move_vma": "A second vma takes over at the new place, the ptes are moved, then the old range is unmapped.",
    "move_page_tables": "The ptes of a range move to another place of the same address space, one by one.",
    "move_one_pte": "One pte moves as it is: its page is mapped as often as before, only elsewhere.",
    "sys_remap_file_pages": "remap_file_pages lets a shared file mapping show its pages in another order without "
    "more vmas: the mapping becomes nonlinear.",
    "filemap_populate": "The pages of a nonlinear mapping are looked up in the page cache and mapped at once.",
    "install_page": "One page is mapped where remap_file_pages wants it; what was mapped there is given back first.",
    "install_file_pte": "A pte without a page remembers which offset of the file belongs here.",
    "move_ptes": "The entries of one page-table page move to another place, each as it is.",
    "mmap_method": "The file or the driver gets its say on the new vma: it may set flags, give it a nopage method, or "
    "map frames at once.",
    # Faults
    "do_page_fault": "The CPU could not do an access and asks the kernel. A vma must cover the address "
    "and allow the access; else the process gets SIGSEGV.",
    "handle_mm_fault": "The CPU found no usable pte for an access that the vma allows, so the kernel must provide "
    "one. The page table is made if there is none yet.",
    "handle_pte_fault": "One pte decides what kind of fault it is: empty, a file offset, or present but not writable.",
    "do_anonymous_page": "The first touch of anonymous memory. A write gets a fresh page of zeroes; a read needs none "
    "of its own and gets the one ZERO_PAGE that all share.",
    "do_no_page": "The first touch of a mapped file or device: the vma's nopage method is asked for the page. The "
    "reference that comes with the page is the pte's, for zap_pte_range to give back.",
    "do_file_page": "A pte of a nonlinear mapping was touched: it names the file offset, and that page is mapped.",
    "do_wp_page": "A write to a page that may not be written through this pte. If nobody else maps the anonymous "
    "page it simply becomes writable; else the writer gets a copy (copy on write).",
    "anon_vma_prepare": "Before a vma gets its first anonymous page it needs an anon_vma, through which the kernel "
    "finds all ptes of that page. A neighbour's is taken if the two could still become one vma.",
    "filemap_nopage": "The page cache is asked for a page of a file; on a miss it is read into a fresh frame. The "
    "caller gets a reference of its own beside the cache's.",
    "shmem_nopage": "Shared anonymous memory is a file without a name: its pages come from the page cache.",
    "driver_nopage": "A driver's nopage method hands out a page of its own buffer. It should take a reference for the "
    "pte first; a driver that forgets makes the first unmap drop the driver's own.",
    "add_to_page_cache": "The page cache keeps the page and holds one reference for as long as it does.",
    "remove_from_page_cache": "The page cache lets the page go and drops its reference.",
    # Mapping counts
    "page_add_anon_rmap": "One more pte maps an anonymous page. The first one ties the page to its anon_vma.",
    "page_add_file_rmap": "One more pte maps a page that is not anonymous: page_mapcount rises.",
    "page_remove_rmap": "One pte fewer maps the page. A page_mapcount below 0 means that a pte was unmapped that "
    "was never counted, and is a BUG.",
    "page_dup_rmap": "fork: the child's pte maps the page as well.",
    # References and the allocator
    "get_page": "Somebody takes a reference: the page may not be freed while it is held.",
    "put_page": "Somebody drops a reference. The last one to do so frees the page.",
    "put_compound_page": "A reference to a part of a compound page is one to its head.",
    "__page_cache_release": "The last reference is gone: the page leaves the LRU and is freed.",
    "release_pages": "References to several pages are dropped at once.",
    "free_hot_cold_page": "A single page goes back to the allocator, after a check that nothing still uses it.",
    "free_pages_check": "A page about to be freed must be unmapped, unreferenced and in no list; if it is not, "
    'the kernel says "Bad page state".',
    "__free_pages": "Whoever allocated a block gives it back: its reference is dropped, and the block is freed if that "
    "was the last one.",
    "__free_pages_ok": "A block of pages goes back to the allocator, after a check of every page in it.",
    "__alloc_pages": "The allocator hands out the lowest free block that fits. Its first page starts with a count "
    "of 1, the caller's; the others of a plain block have none.",
    "prep_new_page": "A block about to be handed out is checked once more and its first page gets a count of 1.",
    "prep_compound_page": "The block becomes one compound page: a reference to any part counts at the head.",
    "bad_page": "The kernel found a page in a state that it should not be in. It says so, resets the page and goes "
    "on; the ptes that may still map it stay as they are.",
    "lru_cache_add": "The page joins the inactive list, where page reclaim can find it.",
    "lru_cache_add_active": "The page joins the active list, where page reclaim finds it last.",
    "mark_page_accessed": "The page was used: unreferenced, then referenced, then active.",
    "set_page_dirty": "The page differs from what is on disk.",
    # Unmapping
    "unmap_vmas": "The ptes of a list of vmas are cleared, vma by vma, in the order of their addresses.",
    "zap_page_range": "The ptes of a part of one vma are cleared; the vma and its page tables stay.",
    "zap_pte_range": "Every pte of a range is cleared. If the kernel takes what it maps for a page of its own to "
    "manage, the page loses a mapping and a reference; otherwise only the pte goes.",
    "zap_pte": "One pte is cleared before something else is mapped there; what it held is given back.",
    "vm_normal_page": "Is there a page to manage behind this pte, or is it a bare frame number that a driver put "
    "there? The answer decides whether counts change.",
    "page_is_anon": "Is the page in this VM_UNPAGED area the process's own anonymous copy? Only its anon_vma and its "
    "address can tell.",
    "print_bad_pte": "A pte names a frame that has no struct page, in a vma where that should not be. The kernel "
    "says so and goes on.",
    "free_pgtables": "Page-table pages that only the removed vmas used are freed.",
    "free_pgd_range": "Page-table pages of a range are freed.",
    "tlb_finish_mmu": "The unmapping is over; the counters that were kept back are brought up to date.",
    # Drivers
    "driver_alloc": "A driver allocates its buffer: one block of pages, of which the allocator counts the first only.",
    "driver_free": "A driver frees its buffer: it clears what PG_reserved it had set, then drops its one reference.",
    "remap_pfn_range": "A driver maps bare frame numbers into a vma. It takes no reference on them, so nobody may "
    "drop one when the vma goes: the flags that it sets on the vma say so.",
    "remap_pte_range": "The entries of one page-table page are set to consecutive frame numbers. No count changes.",
    "zeromap_page_range": "A driver maps the ZERO_PAGE over a range, read-only.",
    "zeromap_pte_range": "Each entry of one page-table page is set to the ZERO_PAGE.",
    "incomplete_pfn_remap": "A remap_pfn_range that does not cover its whole vma: the pages are inserted one by one "
    "and counted, for a while, instead of being refused.",
    "vm_insert_page": "A driver maps one page of its own, counted: the pte takes a reference and a mapping like any "
    "other, and zap_pte_range gives both back.",
    "insert_page": "One page is put into one empty pte, with a reference and a mapping.",
    "get_user_pages": "A driver or direct I/O gets hold of the page behind a user address, faulting it in if need be. "
    "Until it lets go, its reference keeps the frame from being freed.",
    "follow_page": "The page tables are read for one address, as the CPU would.",
    "make_pages_present": "A locked area is filled with pages at once.",
    # The list of vmas
    "vma_link": "The vma joins the address space's list: from now on a fault finds it.",
    "vma_unlink": "The vma leaves the list: a fault no longer finds it.",
    "vma_merge": "A neighbour with the same flags and file takes over the range, so that one vma does for both.",
    "vma_adjust": "A vma's boundaries move over its neighbours: those it covers go, the one it meets gives way.",
    "split_vma": "A vma is cut in two at an address; both halves keep its flags, its file and its anon_vma.",
    "detach_vmas_to_be_unmapped": "The vmas of the range leave the list before their pages are given back.",
    "copy_vma": "mremap needs a second vma at the new place.",
    # Today's kernel
    "do_fault_around": "A read fault on a file also maps the neighbours that the page cache has: up to 16 pages in one "
    "fault.",
    "do_huge_pmd_anonymous_page": "A first write to memory that asked for huge pages gets 512 pages at once, as one "
    "compound page, if 2 MiB are free.",
    "unshare_page": "A page that fork shared cannot be pinned for reading: the process gets one of its own first, or "
    "takes the shared one over if nobody else has a reference.",
    "copy_present_page": "fork copies a pinned page for the child at once. To share it would make the parent's next "
    "write a copy, and the device would go on with the old page.",
    "unpin_user_page": "A pin is given back, and with it all of its 1024 counts.",
    "do_madvise": "madvise says what a process means to do with a range: throw it away, keep it from a child, fault it "
    "in, guard it.",
    "madvise_populate": "The range is faulted in at once, as reads or as writes of the process would do it.",
    "madvise_guard_install": "The pages of the range go, and each pte gets a marker. A touch is a SIGSEGV, without a "
    "vma of its own.",
    "madvise_guard_remove": "The markers of the range go; the next touch faults a page in.",
    "madvise_remove": "A hole is punched into shared memory: its pages leave every page table, then the page cache.",
    "truncate_range": "The pages of a part of a file leave every page table that maps them, then the page cache. "
    "Private copies stay.",
    "do_mlock": "mlock keeps a range in memory: its vmas get VM_LOCKED, and what is missing is faulted in.",
    "mlock_fixup": "A part of a vma is locked or unlocked: its flags change, and so does PG_mlocked of its pages.",
}
"""Text by kernel function name."""

IN_KERNEL: Final[dict[tuple[str, str], str]] = {
    ("put_page", "2.6.14"): "In 2.6.14 a page with PG_reserved keeps every reference: put_page does nothing to it.",
    ("__free_pages", "2.6.14"): "In 2.6.14 a block whose first page has PG_reserved is not freed, without a word.",
    ("zap_pte_range", "2.6.14"): "In 2.6.14 the page itself decides: it is managed if it exists and is not "
    "PG_reserved.",
    ("zap_pte_range", "2.6.15-rc2"): "In 2.6.15-rc2 the vma decides: behind VM_RESERVED nothing is managed, whatever "
    "reference a nopage method took (b5810039a54e, core remove PageReserved).",
    ("zap_pte_range", "vm-unpaged"): "With VM_UNPAGED the vma decides, but for the process's own anonymous copies "
    "(0b14c179a48, unpaged: VM_UNPAGED).",
    ("zap_pte_range", "2.6.15-rc3"): "Since 6aab341e0a28 (VM_PFNMAP) vm_normal_page decides, by the pte's pfn.",
    ("zap_pte_range", "2.6.15-rc5"): "Since 6aab341e0a28 (VM_PFNMAP) vm_normal_page decides, by the pte's pfn.",
    ("zap_pte_range", "2.6.15"): "Since 6aab341e0a28 (VM_PFNMAP) vm_normal_page decides: no page in a shared VM_PFNMAP "
    "area, in a private one only what is off the linear pfn.",
    ("do_no_page", "2.6.15-rc2"): "In 2.6.15-rc2 a page in a VM_RESERVED vma is mapped without being counted: the "
    "reference that nopage took then has nobody to drop it (b5810039a54e, core remove PageReserved).",
    ("do_anonymous_page", "2.6.14"): "In 2.6.14 the ZERO_PAGE is mapped read-only and never counted.",
    ("do_anonymous_page", "2.6.15-rc2"): "Since 2.6.15-rc1 the ZERO_PAGE is counted like any page, and mapped with "
    "the vma's own protection.",
    ("copy_one_pte", "2.6.14"): "In 2.6.14 a pte of a PG_reserved page is copied as it is.",
    ("copy_one_pte", "2.6.15-rc2"): "In 2.6.15-rc2 a pte in a VM_RESERVED vma is copied as it is.",
    ("copy_one_pte", "vm-unpaged"): "In a VM_UNPAGED vma a pte is copied as it is, unless its page is the process's "
    "own copy.",
    ("remap_pfn_range", "2.6.14"): "In 2.6.14 it passes over ordinary RAM in silence: only PG_reserved pages and "
    "frames without a struct page are mapped.",
    ("remap_pte_range", "2.6.14"): "In 2.6.14 it passes over ordinary RAM in silence: only PG_reserved pages and "
    "frames without a struct page are mapped.",
    ("remap_pfn_range", "2.6.15"): "In 2.6.15 a COW mapping must be remapped whole, and its vm_pgoff becomes the first "
    "pfn, so that a raw pte can be told from a private copy.",
    ("get_user_pages", "2.6.15-rc2"): "In 2.6.15-rc2 a VM_RESERVED vma is refused, like VM_IO.",
    ("do_wp_page", "2.6.15-rc2"): "In 2.6.15-rc2 a write fault in a VM_RESERVED vma is a BUG.",
    ("bad_page", "2.6.15-rc2"): "In 2.6.15-rc2 it clears PG_reserved as well, so that the page is freed after all.",
    ("free_hot_cold_page", "vm-unpaged"): "Since the unpaged patches a page with PG_reserved is not freed: it stays in "
    "limbo, on no list.",
    ("zap_pte_range", "6.x"): "Today a pte says for itself whether a page is behind it: pte_special (7e675137a8e1) "
    "marks the ones without.",
    ("do_anonymous_page", "6.x"): "Since 2.6.32 the ZERO_PAGE is not counted any more, as in 2.6.14 (a13ea5b7596).",
    ("do_wp_page", "6.x"): "Today the page is reused if it is exclusive to this process or this is its only reference "
    "(PG_anon_exclusive, 6c287605fd56): a pin keeps it from being given to somebody else.",
    ("copy_one_pte", "6.x"): "Today a page that may be pinned is copied for the child at once (70e806e4e645), so that "
    "the parent keeps the one that the device uses.",
    ("remap_pfn_range", "6.x"): "VM_RESERVED is gone since 3.7 (314e51b9851b): VM_IO, VM_PFNMAP, VM_DONTEXPAND and "
    "VM_DONTDUMP are set.",
    ("handle_mm_fault", "6.x"): "Today a device that has no page for an address is a SIGBUS: only memory without a "
    "file is anonymous.",
    ("get_user_pages", "6.x"): "A pin of today adds 1024 to the count of a small page (3faa52c03f44), so that it can "
    "be told from an ordinary reference.",
}
"""What is different in one kernel."""
