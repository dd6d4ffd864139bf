"""What can go wrong in the engine."""

from __future__ import annotations


class MmtuiError(Exception):
    """Base of every error that mmtui raises on purpose; its text is one line for a person."""


class LimitError(MmtuiError):
    """Something is larger than mmtui allows; the text names the limit."""


class KernelBug(Exception):  # noqa: N818 - a bug of the modelled kernel is no error of mmtui
    """A BUG_ON or an oops of the *modelled* kernel. It ends the run and becomes a result, inside the engine."""

    def __init__(self, function: str, oops: bool = False) -> None:
        super().__init__(function)
        self.function = function
        self.oops = oops

    @property
    def result(self) -> str:
        """As the operation's result says it: `BUG: zap_pte_range`, `OOPS`."""
        return "OOPS" if self.oops else f"BUG: {self.function}"


def BUG_ON(condition: bool, function: str) -> None:  # noqa: N802 - the kernel's spelling
    """Stop the modelled kernel if `condition` holds; `function` is whose test it is."""
    if condition:
        raise KernelBug(function)


class DiskFullError(LimitError):
    """The log outgrew memory and the disk. What was logged so far is whole and can be walked."""
