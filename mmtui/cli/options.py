"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


if TYPE_CHECKING:
    StringType = click.ParamType[str]
else:
    StringType = click.ParamType  # generic only in the newer releases that we accept


class KernelName(StringType):
    """The name of a kernel model."""

    name = "kernel"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, if there is such a model."""
        from mmtui.trace.faults import did_you_mean
        from mmtui.trace.kernels import KERNELS

        name = str(value)
        if name not in KERNELS:
            hint = did_you_mean(name, KERNELS)
            self.fail(f'no kernel "{name}"{hint} (known: {", ".join(KERNELS)})', param, ctx)
        return name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """The models whose names begin so."""
        from click.shell_completion import CompletionItem

        from mmtui.trace.kernels import KERNELS

        return [CompletionItem(name) for name in KERNELS if name.startswith(incomplete)]


TRACE = click.Path(dir_okay=True, allow_dash=True)
"""A trace: whether it is there and readable is told by who reads it, in the same words everywhere."""


def kernel_option(function: F) -> F:
    """`--kernel K`: another model than the trace names."""
    return click.option("--kernel", "-k", type=KernelName(), help="Run on this kernel model, not the trace's own.")(
        function
    )
