"""Results that are kept for as long as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Value = TypeVar("Value")


class Kept:
    """Results by their keys, in two generations: what nobody asked for while the newer one filled up is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._new: dict[Hashable, Any] = {}
        self._old: dict[Hashable, Any] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._new or key in self._old

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The result of `key`, made if it is not here. `make` may ask for other results."""
        found = self._new.get(key, self)
        if found is self:
            found = self._old.pop(key, self)
            if found is self:
                found = make()
            if len(self._new) >= self._most:
                self._old, self._new = self._new, {}
            self._new[key] = found
        return found  # type: ignore[no-any-return]
