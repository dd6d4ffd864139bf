"""np.unique without what it loads: the first call of that one imports numpy.ma, which a person waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmtui.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """The values, ascending, each once."""
    found = np.sort(values, kind="stable")
    fresh = np.ones(len(found), bool)
    fresh[1:] = found[1:] != found[:-1]
    return found[fresh]
