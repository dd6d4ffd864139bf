"""The frame map of a machine before its first operation, from its description alone.

The stepper shows it while the model is still being imported. `framemap` looks at the machine itself; a test holds the
two together.
"""

from __future__ import annotations

from mmtui.engine.ops import MachineSpec


def boot_glyphs(machine: MachineSpec) -> bytes:
    """The glyph of every frame, one byte each, as `Timeline.frame_kinds` has them at position 0 of a trace."""
    glyphs = bytearray(b".") * machine.frames
    for glyph, ranges in ((b"R", machine.reserved), (b"Z", ((1, 2),)), (b"_", machine.holes)):
        for start, end in ranges:
            end = min(end, machine.frames)
            glyphs[start:end] = glyph * max(end - start, 0)
    return bytes(glyphs)


def boot_folds(glyphs: bytes, across: int, kinds: str) -> list[int]:
    """The lines of a folded map, as `Timeline.frame_folds` has them."""
    lines = [glyphs[at : at + across] for at in range(0, len(glyphs), across)]
    if lines:
        lines[-1] = lines[-1].ljust(across, b"_")
    quiet = {kind.encode() * across for kind in kinds}
    return [at for at, line in enumerate(lines) if not at or line not in quiet or line != lines[at - 1]]
