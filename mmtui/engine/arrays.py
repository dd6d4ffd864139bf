"""numpy for the screen and for sentences: imported when it is first used, because the first screen needs none of it.

The engine's own modules import it as everybody does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:

    class _Later:
        """Looks like the module; a name that was asked for once is an attribute from then on."""

        def __getattr__(self, name: str) -> Any:
            import numpy

            value = getattr(numpy, name)
            setattr(self, name, value)
            return value

    np = _Later()


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """np.unique without what it loads: the first call of that one imports numpy.ma, which a person waits for."""
    found = np.sort(values, kind="stable")
    fresh = np.ones(len(found), bool)
    fresh[1:] = found[1:] != found[:-1]
    return found[fresh]


__all__ = ["distinct", "np"]
