"""The machine at a position, as the public surface shows it: tables of read-only columns."""

from __future__ import annotations

from functools import lru_cache

from mmtui.engine.log import Ints
from mmtui.engine.schema import COLUMN, TABLES
from mmtui.engine.seek import Seeker


@lru_cache(256)
def column_ids(names: tuple[str, ...]) -> tuple[int, ...]:
    """The ids of columns, and of all columns of tables. KeyError: there is no such table or column."""
    found = [[name] if "." in name else [f"{name}.{field}" for field in TABLES[name]] for name in names]
    return tuple(COLUMN[name].id for part in found for name in part)


class View:
    """The columns of one table, as read-only arrays; row = index."""

    def __init__(self, seeker: Seeker, table: str, rows: int | None) -> None:
        self._seeker, self._table, self._rows = seeker, table, rows
        self._ids = {field: COLUMN[f"{table}.{field}"].id for field in TABLES[table]}
        self._shown: dict[str, tuple[Ints, Ints]] = {}

    def __getattr__(self, field: str) -> Ints:
        number = self._ids.get(field) if "_ids" in self.__dict__ else None
        if number is None:
            raise AttributeError(f"{self._table} has no column {field}")
        column = self._seeker.image[number]
        kept = self._shown.get(field)
        if kept is None or kept[0] is not column:  # another one, since there are more rows
            kept = self._shown[field] = column, column[: self._rows]
            kept[1].flags.writeable = False
        return kept[1]

    def __dir__(self) -> list[str]:
        return list(TABLES[self._table])


class Machine:
    """All tables at the timeline's position: `machine.page.count[66]`."""

    def __init__(self, seeker: Seeker, frames: int) -> None:
        self._tables = {table: View(seeker, table, frames if table == "page" else None) for table in TABLES}

    def __getattr__(self, table: str) -> View:
        try:
            return self.__dict__["_tables"][table]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"the machine has no table {table}") from None

    def __dir__(self) -> list[str]:
        return list(TABLES)
