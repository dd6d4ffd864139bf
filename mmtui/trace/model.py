"""A trace as an object: exactly the keys of the file, with its defaults."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from mmtui.engine.ops import AnyOp, MachineSpec, Name

FORMAT: Final = 1
DEFAULT_KERNEL = "2.6.15"

OpNumber = Annotated[int, Meta(ge=0, le=1 << 40)]


class Place(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """A place that survives another kernel: just before operation `op`, or after its first `transition` changes."""

    op: OpNumber
    transition: OpNumber | None = None

    def __str__(self) -> str:
        """As the one grammar of places spells it: `op:6.12`."""
        return f"op:{self.op}" if self.transition is None else f"op:{self.op}.{self.transition}"


class Bookmark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A named place."""

    at: Place
    name: Name


class Annotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person's words at a place, `about` a subject (`page[66]`, `pte[2:0x10000000]`) or nothing."""

    at: Place
    text: str
    about: str = ""
    author: str = ""


class Trace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A list of operations, the machine and the kernel they run on, and what people added.

    `log` is an exported log, as `mmtui export --log` wrote it, and opaque here; `recording` is the header of a
    recording of a live kernel, whose stops are not operations (`ops` is empty then).
    """

    mmtui: Literal[1] = FORMAT
    title: str = ""
    about: str = ""
    kernel: str = DEFAULT_KERNEL
    machine: MachineSpec = MachineSpec()
    ops: tuple[AnyOp, ...]
    breakpoints: tuple[str, ...] = ()
    bookmarks: tuple[Bookmark, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    position: Place | None = None
    recording: dict[str, Any] | None = None
    log: dict[str, Any] | None = None


__all__ = ["DEFAULT_KERNEL", "FORMAT", "Annotation", "Bookmark", "Place", "Trace"]
