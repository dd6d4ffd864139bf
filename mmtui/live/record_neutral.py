"""`record --anonymize`: paths, names, arguments, addresses and frame numbers become neutral ones.

What remains is the shape: which pages lie side by side, which are shared, the position inside a 2 MiB page table.
"""

from __future__ import annotations

from typing import Any, Final

from mmtui.live.proc import TABLE_SPAN
from mmtui.live.syscalls import ARGUMENTS, RETURNS_ADDRESS

Line = dict[str, Any]
NEAR: Final = 1 << 36  # addresses closer than this belong together
NEUTRAL_BASE: Final = 1 << 40
HUGE_FRAMES: Final = 512


class Neutral:
    """One consistent renaming for one recording: the same thing always gets the same neutral name."""

    def __init__(self) -> None:
        self._bases: list[int] = []
        self._blocks: dict[int, int] = {}
        self._paths: dict[str, str] = {}
        self._devices: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def address(self, address: int) -> int:
        """Whole clusters of areas are moved; inside one, order and distance stay."""
        for index, base in enumerate(self._bases):
            if abs(address - base) < NEAR:
                return NEUTRAL_BASE * (index + 1) + address - base
        self._bases.append(address // TABLE_SPAN * TABLE_SPAN)
        return self.address(address)

    def pfn(self, pfn: int) -> int:
        """Blocks of 512 frames are numbered as they appear; a huge page stays contiguous."""
        block = self._blocks.setdefault(pfn // HUGE_FRAMES, len(self._blocks) + 1)
        return block * HUGE_FRAMES + pfn % HUGE_FRAMES

    def path(self, path: str) -> str:
        """`[heap]` and its like stay; `[anon:name]` loses the name; a file becomes /file1, /file2 ..."""
        if path.startswith("[anon"):
            return "[anon]"
        if not path or path.startswith("["):
            return path
        return self._paths.setdefault(path, f"/file{len(self._paths) + 1}")

    def name(self, name: str) -> str:
        """A process's name becomes program1, program2 ..."""
        return self._names.setdefault(name, f"program{len(self._names) + 1}") if name else name

    def header(self, header: Line) -> Line:
        """The header without the command and without who ran it; no address in the file is one of this machine."""
        return header | {"cmd": ["program"], "uid": None, "addresses": False, "anonymized": True}

    def line(self, line: Line) -> Line:
        """One line of the recording, renamed throughout."""
        if "recording" in line:
            return line | {"recording": self.header(line["recording"])}
        changed = dict(line)
        if "vma" in line:
            changed["vma"] = {tgid: self._areas(areas) for tgid, areas in line["vma"].items()}
        if "pte" in line:
            changed["pte"] = {tgid: self._entries(entries) for tgid, entries in line["pte"].items()}
        if "unpte" in line:
            changed["unpte"] = {t: [f"{self.address(int(a, 16)):x}" for a in gone] for t, gone in line["unpte"].items()}
        if "fr" in line:
            changed["fr"] = {str(self.pfn(int(pfn))): value for pfn, value in line["fr"].items()}
        if "ev" in line:
            changed["ev"] = self._event(line["ev"])
        return changed

    def _areas(self, areas: Line) -> Line:
        return {"+": [self._area(area) for area in areas["+"]], "-": [self.address(start) for start in areas["-"]]}

    def _area(self, area: list[Any]) -> list[Any]:
        start, end, perms, flags, offset, dev, path = area
        moved = self.address(start)
        device = dev if dev == "00:00:0" else self._devices.setdefault(dev, f"00:01:{len(self._devices) + 1}")
        return [moved, moved + end - start, perms, flags, offset, device, self.path(path)]

    def _entries(self, entries: Line) -> Line:
        return {f"{self.address(int(address, 16)):x}": self._entry(*entry) for address, entry in entries.items()}

    def _entry(self, pfn: int | None, letters: str) -> list[Any]:
        return [self.pfn(pfn) if pfn and "p" in letters else None, letters]

    def _event(self, event: Line) -> Line:
        changed = dict(event)
        for key in ("addr", "ip"):
            if event["k"] == "signal":
                changed.pop(key, None)
            elif event.get(key):
                changed[key] = self.address(event[key])
        if "comm" in event:
            changed["comm"] = self.name(event["comm"])
        if event["k"] == "exit":
            self._call(changed)
        return changed

    def _call(self, event: Line) -> None:
        """Arguments stay only where we know which of them are addresses."""
        name = event["name"]
        names = ARGUMENTS.get(name)
        if names is None:
            event["args"] = []
            event["ret"] = min(event["ret"], 0) if event["ret"] is not None else None
            return
        pairs = zip(names, event["args"], strict=False)
        event["args"] = [self.address(v) if n.endswith("addr") and v else v for n, v in pairs]
        if name in RETURNS_ADDRESS and event["ret"] > 0:
            event["ret"] = self.address(event["ret"])
