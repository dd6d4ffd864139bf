"""What a trace may ask of this machine."""

from __future__ import annotations

import os
from typing import Final

LIMITS: Final = {
    "MMTUI_MAX_BYTES": 256 << 20,
    "MMTUI_MAX_CHANGES": 200_000_000,
    "MMTUI_MAX_FRAMES": 1 << 22,
    "MMTUI_MAX_PROCESSES": 100_000,
}
"""Each can be raised by an environment variable of its name."""


def limit(name: str) -> int:
    """The limit of that name: the environment's, if it is a positive number, else the default."""
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 and int(text) > 0 else LIMITS[name]
