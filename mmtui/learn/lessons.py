"""The lessons: which trace, on which kernels, and what is asked before which operation. No answers stand here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HISTORY: Final = ("2.6.14", "2.6.15-rc2", "vm-unpaged", "2.6.15")
COUNTED: Final = ("2.6.15-rc2", "vm-unpaged", "2.6.15")


@dataclass(frozen=True)
class Ask:
    """One question before operation `op` of the trace. `kind` names what is asked (see `questions.KINDS`).

    `about`: the frame in question, `buf:NAME` or `pte:PID:ADDRESS`, "" where none is; `tell`: said before it.
    """

    op: int
    kind: str
    about: str = ""
    tell: str = ""


@dataclass(frozen=True)
class Lesson:
    """A handful of questions over one trace; the seed picks one of `kernels`."""

    name: str
    title: str
    trace: str
    kernels: tuple[str, ...]
    intro: str
    asks: tuple[Ask, ...]


LESSONS: Final[tuple[Lesson, ...]] = (
    Lesson(
        "first-touch",
        "The first touch: where do pages come from?",
        "zero-page",
        HISTORY,
        "A process maps two pages of anonymous memory. mmap itself gives it no page at all.",
        (
            Ask(2, "faults", tell="It reads the first page, which it never wrote."),
            Ask(2, "new_frame"),
            Ask(3, "new_frame", tell="It writes the second page."),
            Ask(5, "copied", tell="After a fork the parent writes the first page, which it has only read so far."),
            Ask(7, "leak", tell="Child and parent exit."),
        ),
    ),
    Lesson(
        "fork-and-cow",
        "fork, and copy on write",
        "fork-cow",
        HISTORY,
        "A shell with text, heap and stack forks. Nobody copies a page yet: parent and child share them, read-only.",
        (
            Ask(14, "count", "pte:1:0x0804c000", "fork copies the pte of a heap page."),
            Ask(14, "writable", "pte:1:0x0804c000", "And the parent's own pte of that page?"),
            Ask(15, "copied", tell="The child writes to a heap page that both map."),
            Ask(16, "copied", tell="Now the parent writes to the same address."),
            Ask(20, "freed", "pte:1:0x0804c000", "The child exits. The parent still maps that heap page."),
            Ask(21, "freed", "pte:1:0x0804c000", "The parent exits too."),
        ),
    ),
    Lesson(
        "who-holds-it",
        "A pin is a reference too",
        "rdma-fork",
        HISTORY,
        "get_user_pages lets a device use a page of a process. Its reference is all that protects the frame.",
        (
            Ask(3, "count", "pte:1:0x10000000", "A driver pins the page that process 1 has written."),
            Ask(5, "copied", tell="After a fork the parent writes the page; the child has not touched it."),
            Ask(7, "freed", "pin:a", "Both processes are going; the device still uses the pinned frame."),
            Ask(8, "freed", "pin:a", "The driver lets go."),
        ),
    ),
    Lesson(
        "must-not-be-freed",
        "A range that must not be freed",
        "remap-reserved",
        HISTORY,
        "A driver maps its own frame with remap_pfn_range. The pte that does so takes no reference.",
        (
            Ask(2, "count", "buf:buf", "remap_pfn_range sets the pte."),
            Ask(4, "freed", "buf:buf", "The process unmaps it: zap_pte_range finds a pte with that frame."),
            Ask(5, "freed", "buf:buf", "The driver frees its buffer."),
        ),
    ),
    Lesson(
        "freed-too-early",
        "Freed while it is mapped",
        "free-before-munmap",
        HISTORY,
        "The same driver in a hurry: it frees the buffer while the process still maps it.",
        (
            Ask(4, "freed", "buf:buf", "The driver calls __free_pages. One pte still maps the frame."),
            Ask(5, "breaks", tell="The process unmaps the range afterwards."),
        ),
    ),
    Lesson(
        "the-leak",
        "The leak of November 2005",
        "nopage-leak",
        HISTORY,
        "A sound driver's nopage takes a reference for each pte that maps its buffer. Its vma has VM_RESERVED.",
        (
            Ask(23, "count", "buf:buf", "The process reads the first page of the driver's buffer."),
            Ask(23, "mapcount", "buf:buf"),
            Ask(27, "count", "buf:buf", "The process exits: zap_pte_range clears the pte."),
            Ask(27, "leak"),
            Ask(28, "freed", "buf:buf", "The driver frees its buffer."),
        ),
    ),
    Lesson(
        "private-window",
        "A private copy of what has no page",
        "vbetool-private-devmem",
        HISTORY,
        "vbetool maps the BIOS area privately and writes to its copy of it.",
        (
            Ask(1, "refused", tell="It maps the frame 0f0 of /dev/mem, private and writable."),
            Ask(2, "copied", tell="It writes to it."),
            Ask(6, "leak", tell="After a fork, and a write by the child, both exit."),
        ),
    ),
    Lesson(
        "tail-pages",
        "One block, four pages, one count",
        "alsa-nocomp",
        HISTORY,
        "A sound driver allocates four pages in one block without __GFP_COMP, and nopage hands them out one by one.",
        (
            Ask(0, "count", "frame:9", "The block is 008-00b. page_count of the first page will be 1."),
            Ask(5, "count", "frame:9", "The process touches the second page; nopage does get_page on it."),
            Ask(6, "breaks", tell="It unmaps both pages."),
            Ask(7, "freed", "buf:buf", "The driver frees the block."),
        ),
    ),
    Lesson(
        "holes",
        "A hole in a mapped area",
        "hole-in-pfnmap",
        HISTORY,
        "A driver remaps only the first of three pages. The others are holes: a touch finds no nopage method.",
        (
            Ask(4, "new_frame", tell="The process writes into the first hole."),
            Ask(6, "leak", tell="It exits."),
        ),
    ),
)


def lesson_named(name: str) -> Lesson | None:
    """The lesson of that name, or whose number it is (from 1)."""
    if name.isdecimal() and 1 <= int(name) <= len(LESSONS):
        return LESSONS[int(name) - 1]
    return next((lesson for lesson in LESSONS if lesson.name == name), None)
