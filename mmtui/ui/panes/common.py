"""What all panes share: placing text in columns, words for values, roles of kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mmtui import words
from mmtui.engine.arrays import np
from mmtui.engine.flags import historical, page_flag_names
from mmtui.engine.pgtable import (
    PTE_ACCESSED,
    PTE_DIRTY,
    PTE_LEDGER,
    PTE_PRESENT,
    PTE_PROTNONE,
    PTE_RW,
    PTE_SPECIAL,
    PTE_UNKNOWN,
    PTE_USER,
    pte_file,
    pte_pfn,
)
from mmtui.engine.schema import BASE, ROW_BITS
from mmtui.ui.rows import MadeRows, Row, Span, Target

if TYPE_CHECKING:
    from mmtui.engine.timeline import Timeline
    from mmtui.ui.view import View

MAGIC_KINDS = {
    "VM_RESERVED": "kind.N", "VM_INCOMPLETE": "kind.N", "VM_INSERTPAGE": "kind.N", "VM_UNPAGED": "kind.D",
    "VM_PFNMAP": "kind.D", "VM_MIXEDMAP": "kind.D",
}  # fmt: skip
"""The flags that get a row of their own in VMAs, with the hue of what they mean."""

_PTE_FLAGS = (
    ("PRESENT", PTE_PRESENT), ("PROTNONE", PTE_PROTNONE), ("RW", PTE_RW), ("USER", PTE_USER),
    ("ACCESSED", PTE_ACCESSED), ("DIRTY", PTE_DIRTY), ("SPECIAL", PTE_SPECIAL),
)  # fmt: skip

TROUBLE_GLYPHS = "!X?"


class Line:
    """A row under construction: text put at columns, in order from the left."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self.width = 0

    def put(self, column: int, text: str, role: str = "text") -> Line:
        """Add `text` at `column`; where that is taken already, one space after what is there."""
        if text:
            if column < self.width:
                column = self.width + 1
            if column > self.width:
                self._spans.append((" " * (column - self.width), "text"))
            self._spans.append((text, role))
            self.width = column + len(text)
        return self

    def add(self, text: str, role: str = "text", gap: int = 0) -> Line:
        """Add `text` after `gap` spaces."""
        return self.put(self.width + gap, text, role)

    @property
    def spans(self) -> tuple[Span, ...]:
        """What was put, with the spaces between."""
        return tuple(self._spans)


class LazyRows(MadeRows):
    """Rows that are made when they are asked for, and then kept."""

    def __init__(self, makers: list[Callable[[], Row]]) -> None:
        self._makers = makers
        self._made: dict[int, Row] = {}

    def __len__(self) -> int:
        return len(self._makers)

    def row(self, index: int) -> Row:
        """One of them."""
        if index not in self._made:
            self._made[index] = self._makers[index]()
        return self._made[index]


def kind_role(glyph: str, recorded: bool = False) -> str:
    """The role of a frame's or a vma's kind; of a recording `?` is no trouble, nobody looked at the frame yet."""
    if glyph == "?" and recorded:
        return "faint"
    if glyph in TROUBLE_GLYPHS:
        return "alarm"
    return "faint" if glyph in "._" else f"kind.{glyph}"


def marked(role: str, *modifiers: str) -> str:
    """The role with modifiers; a tint is bold by itself and keeps only `underline`."""
    if role in ("accent", "alarm_fill"):
        modifiers = tuple(modifier for modifier in modifiers if modifier == "underline")
    return "+".join((role, *modifiers))


def selected(target: Target | None, subject: str) -> bool:
    """Whether the cursor is on this subject."""
    return target is not None and target.subject == subject


def hex_width(view: View) -> int:
    """Digits of an address: 8, or 12 where a vma of the log reaches beyond 32 bits."""
    return view.here(("address digits",), lambda: 12 if _beyond_32_bits(view) else 8)


def _beyond_32_bits(view: View) -> bool:
    return view.remember(("long addresses",), lambda: _any_beyond_32_bits(view.timeline))


def _any_beyond_32_bits(timeline: Timeline) -> bool:
    if historical(timeline.kernel):
        return False
    if bool((timeline.machine.vma.vm_end >> 32).any()):
        return True
    number = BASE["vma.vm_end"] >> ROW_BITS
    return any(
        bool((chunk.new[chunk.cell >> ROW_BITS == number].astype(np.int64) >> 32).any())
        for chunk in timeline.log.chunks()
    )


def pfn_width(view: View) -> int:
    """Digits of a pfn: as many as this machine needs, at least 3."""
    return view.here(("pfn digits",), lambda: max(3, len(f"{max(len(view.machine.page.count) - 1, 0):x}")))


def pfn_text(view: View, pfn: int) -> str:
    """A pfn in the chosen numbers."""
    width = pfn_width(view)
    return f"{pfn:>{width}d}" if view.numbers == "decimal" else f"{pfn:0{width}x}"


def address_text(view: View, address: int) -> str:
    """An address: always hex, always its full width."""
    return f"{address:0{hex_width(view)}x}"


def dot(view: View) -> str:
    """The mark of an unset bit."""
    return "\u00b7" if view.glyphs == "unicode" else "."


def pte_bits(view: View, value: int) -> list[tuple[str, bool]]:
    """The four bits in their places, `P RW A D`, and whether each is set; an unset one is dots, an unknown one `?`."""
    mark = "?" if value & PTE_UNKNOWN else dot(view)
    present = "P" if value & PTE_PRESENT else "N"
    bits = (("RW", PTE_RW), ("A", PTE_ACCESSED), ("D", PTE_DIRTY))
    return [(present, True), *((text if value & bit else mark * len(text), value & bit != 0) for text, bit in bits)]


def pte_word(view: View, value: int) -> str:
    """An entry in one phrase: `none`, `00f P RW A`; unset bits at the end are left out."""
    if not value:
        return "none"
    if pte_file(value):
        return f"file pgoff {pte_pfn(value)}"
    if value & PTE_UNKNOWN:
        return words.pte_text(value) if not value & PTE_PRESENT else f"{pfn_text(view, pte_pfn(value)).strip()} P ?"
    bits = pte_bits(view, value)
    while not bits[-1][1]:
        bits.pop()
    return f"{pfn_text(view, pte_pfn(value)).strip()} {' '.join(text for text, _ in bits)}"


def pte_ref(value: int) -> str:
    """The ref column: `+1` for an entry that the kernel manages and that has a reference, ` ~` for a window.

    The reference that nopage took for an entry which the kernel then does not manage is not the entry's: nobody
    will put it when the entry goes.
    """
    if not value or pte_file(value):
        return ""
    return "+1" if value & PTE_LEDGER == PTE_LEDGER else " ~"


def hardware(value: int) -> int:
    """An entry as the machine sees it, without the ledger's bits."""
    return value & ~PTE_LEDGER


def flags_word(flags: int) -> str:
    """Page flags by name, `-` for none."""
    return " ".join(page_flag_names(flags)) or "-"


def mapping_word(timeline: Timeline, mapping: int) -> str:
    """page->mapping in a word: none, anon, or the file's name."""
    if not mapping:
        return "none"
    return "anon" if mapping & 1 else inode_name(timeline, mapping // 2)


def inode_name(timeline: Timeline, row: int) -> str:
    """The name of a file."""
    return words.plain(timeline.string(int(timeline.machine.inode.name[row]))) or f"inode {row}"


def short_name(path: str) -> str:
    """A file's name without its folders; `[heap]` and names without folders as they are."""
    return path.rpartition("/")[2] or path


def page_name(view: View, pfn: int) -> str:
    """A frame's short name: `drv+1` for a driver's buffer, `sh+3` for a file's page, `anon`, `zero page`."""
    timeline, machine = view.timeline, view.machine
    if not 0 <= pfn < len(machine.page.count):
        return "no struct page"
    mapping = int(machine.page.mapping[pfn])
    if mapping:
        name = mapping_word(timeline, mapping)
        return name if mapping & 1 else f"{short_name(name)}+{int(machine.page.index[pfn])}"
    buf = machine.buf
    for row in (buf.state == 1).nonzero()[0]:
        first, size = int(buf.pfn[row]), 1 << int(buf.order[row])
        if first <= pfn < first + size:
            owner = words.plain(timeline.string(int(buf.driver[row])))
            return f"{owner}+{pfn - first}" if size > 1 else owner
    return "zero page" if pfn == 1 else ""


def pte_flags(value: int) -> str:
    """The bits of an entry by name: `PRESENT RW USER ACCESSED`; `none` for an empty one."""
    if pte_file(value):
        return "FILE"
    return " ".join(name for name, bit in _PTE_FLAGS if value & bit) or "none"


def signed(number: int) -> str:
    """`+3`, `-1`."""
    return f"{number:+d}"


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken at spaces where there are any."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        while len(word) > width:
            head, word = word[:width], word[width:]
            if line:
                lines.append(line)
                line = ""
            lines.append(head)
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line or not lines else lines


def plural(number: int, word: str) -> str:
    """`1 pte`, `2 ptes`."""
    if number == 1:
        return f"1 {word}"
    return f"{number} {word}es" if word.endswith("s") else f"{number} {word}s"


def no_process(view: View) -> str:
    """Why there is no process to show."""
    if not view.timeline.op_count:
        return "This trace has no operations."
    return "No process is left." if view.position else "No process yet. n runs the first operation."


def title(view: View, name: str, words: str) -> tuple[Span, ...]:
    """A pane's title: bright where the pane has the focus."""
    return ((words, "bright" if view.focused == name else "text+bold"),)
