"""mmtui: see what the Linux VM does to a page.

    timeline = mmtui.load("traces/nopage-leak.json", kernel="2.6.15-rc2")
    timeline.seek(timeline.next("leak"))
    timeline.holders(8)

Names are imported when they are first used: `import mmtui` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmtui.version import VERSION as __version__  # noqa: N811  (the name that Python gives it)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from mmtui.engine.places import PlaceError
    from mmtui.engine.query import QueryError
    from mmtui.engine.timeline import Timeline
    from mmtui.trace.errors import TraceError

_FROM = {
    "Timeline": "mmtui.engine.timeline",
    "TraceError": "mmtui.trace.errors",
    "PlaceError": "mmtui.engine.places",
    "QueryError": "mmtui.engine.query",
    "KERNELS": "mmtui.trace.kernels",
}


def load(source: str | PathLike[str] | Mapping[str, Any], kernel: str | None = None) -> Timeline:
    """Read a trace (a path, or an object as json.load gives it) and run it under a kernel model; at position 0.

    `kernel` takes precedence over the trace's own. Raises TraceError, with all that is wrong in `.errors`, and
    nothing else.
    """
    from mmtui.loading import load as load_trace

    return load_trace(source, kernel)


def start(source: str | PathLike[str], kernel: str | None = None) -> Timeline | None:
    """Like `load`, but a long trace is only begun: while `timeline.growing`, `timeline.grow(seconds)` runs more of it.

    None for one that is not long, or not in the canonical form: `load` it. Raises TraceError; so does `grow`, if the
    trace turns out to be wrong further on.
    """
    from pathlib import Path

    from mmtui.loading import start as start_trace

    return start_trace(Path(source), kernel)


def __getattr__(name: str) -> Any:
    if name in _FROM:
        from importlib import import_module

        return getattr(import_module(_FROM[name]), name)
    raise AttributeError(f"module 'mmtui' has no attribute {name!r}")


__all__ = ["PlaceError", "QueryError", "Timeline", "TraceError", "__version__", "load", "start"]
