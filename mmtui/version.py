"""The version of mmtui."""

from typing import Final

VERSION: Final = "0.1.0"
