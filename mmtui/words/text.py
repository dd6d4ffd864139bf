"""Numbers, entries and a stranger's strings as plain text. Nothing here colours anything."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from mmtui.engine import pgtable
from mmtui.engine.flags import page_flag_names
from mmtui.engine.schema import UNKNOWN

_NAMED: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0", "\x1b": "\\e"}
_BITS: Final = (
    ("P", pgtable.PTE_PRESENT),
    ("RW", pgtable.PTE_RW),
    ("A", pgtable.PTE_ACCESSED),
    ("D", pgtable.PTE_DIRTY),
)

_RECORDED: Final = (("exclusive", pgtable.PTE_EXCLUSIVE), ("soft-dirty", pgtable.PTE_SOFT_DIRTY))


def plain(text: object) -> str:
    """A string of a trace as harmless, visible text: `\\e[31m`, `\\u202e`, `\\udc80`, never the character itself.

    Control characters, escapes, bidi and other invisible marks, lone surrogates and unassigned characters are
    written out; every kind of blank becomes a space. Anything that is not a string is shown as `str` shows it.
    """
    shown = text if isinstance(text, str) else str(text)
    if shown.isprintable():
        return shown
    return "".join(char if char.isprintable() else _visible(char) for char in shown)


def _visible(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if unicodedata.category(char) == "Zs":
        return " "
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def pfn_text(pfn: int) -> str:
    """A frame number as the frame map has it: hex, at least three digits."""
    return f"{pfn:03x}"


def address_text(address: int) -> str:
    """A user address: eight hex digits, twelve on 64 bits."""
    return f"{address:08x}" if address < 1 << 32 else f"{address:012x}"


def known_text(value: int) -> str:
    """A number, `?` for what a recording could not see."""
    return "?" if value == UNKNOWN else str(value)


def pte_bits_text(value: int, unset: str = "·") -> str:
    """`P RW A D` with each bit in its place, an unset one as dots: `P ·· · D`; `N` for a PROT_NONE entry.

    Of a recording `P ?? ? ?`: only presence can be seen, and with luck that no other entry maps the page
    (`exclusive`) and that it was written to since somebody last asked (`soft-dirty`).
    """
    if value & pgtable.PTE_UNKNOWN:
        more = [name for name, bit in _RECORDED if value & bit]
        return " ".join(["P", *("?" * len(name) for name, _ in _BITS[1:]), *more])
    words = [name if value & bit else unset * len(name) for name, bit in _BITS]
    if value & pgtable.PTE_PROTNONE and not value & pgtable.PTE_PRESENT:
        words[0] = "N"
    return " ".join(words)


def pte_text(value: int, unset: str = "·") -> str:
    """An entry: `00f P ·· · D`, `none`, or `F` and the page offset for a file entry."""
    if pgtable.pte_none(value):
        return "none"
    if pgtable.pte_file(value):
        return f"F {pgtable.pte_pfn(value)}"
    if value & pgtable.PTE_UNKNOWN and not pgtable.pte_present(value):
        return "guard" if value & pgtable.PTE_SPECIAL else f"swapped {pgtable.pte_pfn(value):x}"
    return f"{pfn_text(pgtable.pte_pfn(value))} {pte_bits_text(value, unset)}"


def page_flags_text(flags: int) -> str:
    """The page flags by name, `none` if there are none."""
    return " ".join(page_flag_names(flags)) or "none"


def count_text(number: int, one: str, many: str | None = None) -> str:
    """`1 pte`, `2 ptes`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def list_text(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    found = list(words)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""
