"""The sample traces that come with mmtui: in the package when it is installed, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

import mmtui


def folder() -> Path | None:
    """Where the sample traces are; None in an installation without them."""
    package = Path(mmtui.__file__).resolve().parent
    for place in (package / "traces", package.parent / "traces"):
        if place.is_dir() and any(place.glob("*.json")):
            return place
    return None


def names() -> list[str]:
    """The names of the sample traces, in the order in which the story tells itself best: the first one first."""
    where = folder()
    found = sorted(path.stem for path in where.glob("*.json")) if where else []
    first = [name for name in ("nopage-leak", "remap-reserved") if name in found]
    return first + [name for name in found if name not in first]


def path_of(name: str) -> Path | None:
    """The file of a sample trace, by its name with or without `.json`."""
    where = folder()
    stem = name.removesuffix(".json")
    return where / f"{stem}.json" if where and stem in names() else None
