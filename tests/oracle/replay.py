"""The vectors' deltas as full states, in the form that `mmtui run --format jsonl --state` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.oracle.expected import Json


def states(case: Json, model: str) -> Iterator[Json]:
    """The state after each operation of a case."""
    now: Json = {"procs": {}, "frames": {}, "nfree": 0}
    _apply(now, case["boot"][model])
    for result in case["expect"][model]:
        _apply(now, result.get("d", {}))
        yield now


def unordered(state: Json) -> Json:
    """A state of the engine with each vma's flags sorted, as `states` has them: their order means nothing."""
    for process in state["procs"].values():
        for vma in process["vmas"]:
            vma["flags"].sort()
    return state


def _apply(now: Json, delta: Json) -> None:
    for pid, process in delta.get("procs", {}).items():
        if process is None:
            del now["procs"][pid]
        else:
            _process(now["procs"].setdefault(pid, {"ptes": {}}), process)
    for pfn, frame in delta.get("frames", {}).items():
        now["frames"].pop(pfn, None)
        if frame is not None:
            now["frames"][pfn] = _frame(frame)
    now["nfree"] = delta.get("nfree", now["nfree"])


def _process(now: Json, change: Json) -> None:
    for key, value in change.items():
        if key == "vmas":
            now["vmas"] = [_vma(vma) for vma in value]
        elif key == "ptes":
            now["ptes"] = {a: p for a, p in {**now["ptes"], **value}.items() if p is not None}
        elif key != "new":
            now[key] = value


def _vma(vma: list[Any]) -> Json:
    start, end, flags, pgoff, anon_vma = vma
    return {"start": start, "end": end, "flags": sorted(flags), "pgoff": pgoff, "anon_vma": bool(anon_vma)}


def _frame(frame: list[Any]) -> Json:
    free, count, mapcount, flags, kind = frame
    names = [name for name in flags.split("|") if name]
    return {"free": bool(free), "count": count, "mapcount": mapcount, "flags": names, "kind": kind}
