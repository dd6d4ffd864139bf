"""numpy for the screen and for sentences: imported when it is first used, because the first screen needs none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
else:

    class _Later:
        """Looks like the module; a name that was asked for once is an attribute from then on."""

        def __getattr__(self, name: str) -> Any:
            import numpy

            value = getattr(numpy, name)
            setattr(self, name, value)
            return value

    np = _Later()

__all__ = ["np"]
