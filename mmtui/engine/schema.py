"""Every table and column there is. A cell is one int64 of one column; its number is `column id << ROW_BITS | row`."""

from __future__ import annotations

from typing import Final, NamedTuple

ROW_BITS: Final = 25  # 128 columns, 32 M rows
ROW_MASK: Final = (1 << ROW_BITS) - 1
MAX_ROWS: Final = 1 << ROW_BITS

PTES_PER_PT: Final = 1024
"""Rows of `pte` per row of `pt`: entry = pt row * 1024 + slot."""

TABLES: Final[dict[str, tuple[str, ...]]] = {
    "sys": ("nr_mapped", "merges", "anon_vmas", "inodes", "tainted", "incomplete"),
    "trace": ("op", "result", "message"),
    "page": ("flags", "count", "mapcount", "mapping", "index", "private", "free", "word", "pfn", "kflags"),
    "pt": ("mm", "base"),
    "pte": ("val",),
    "vma": (
        "state", "mm", "vm_start", "vm_end", "vm_flags", "vm_page_prot", "vm_pgoff", "anon_vma", "vm_file", "vm_ops",
        "letters", "name",
    ),
    "mm": ("file_rss", "anon_rss", "rss"),
    "task": ("state", "pid", "name", "mm", "parent"),
    "inode": ("name", "kind", "index"),
    "file": ("inode", "ro", "count"),
    "driver": ("state", "name", "buf", "get_page"),
    "buf": ("state", "name", "driver", "pfn", "order", "comp", "reserved"),
    "pin": ("state", "name", "mm", "address", "pfn", "ref"),
    "cache": ("inode", "pgoff", "pfn"),
}  # fmt: skip
"""Tables and their columns, in the order of column ids. Append only: exported logs name columns, never ids.

Only recordings fill `page.pfn` (rows of a recording are numbered densely), `page.kflags` (KPF_*), `vma.letters`
(VmFlags) and `vma.name` (`[heap]`).
"""

UNKNOWN: Final = -2
"""What a recording could not see, in any column: it is not 0. (-1 is a page_mapcount that a BUG leaves behind.)"""


class ColumnInfo(NamedTuple):
    """A column: its id, its table and its field."""

    id: int
    table: str
    field: str

    @property
    def name(self) -> str:
        """`page.count`."""
        return f"{self.table}.{self.field}"


COLUMNS: Final[tuple[ColumnInfo, ...]] = tuple(
    ColumnInfo(number, table, field)
    for number, (table, field) in enumerate((table, field) for table, fields in TABLES.items() for field in fields)
)
"""Every column by id."""

COLUMN: Final[dict[str, ColumnInfo]] = {info.name: info for info in COLUMNS}
"""Every column by name (`page.count`)."""

BASE: Final[dict[str, int]] = {info.name: info.id << ROW_BITS for info in COLUMNS}
"""The number of a column's row 0."""


def cell_number(column: str, row: int) -> int:
    """The number of `column[row]`. KeyError: no such column."""
    return BASE[column] | row


def cell_column(cell: int) -> ColumnInfo:
    """The column of a cell number."""
    return COLUMNS[cell >> ROW_BITS]
