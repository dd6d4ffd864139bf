"""`python -m tests.bench [--quick] [PART...]`: one table of what is measured, against what, and how far it reaches.

Parts: small, ranges, walking, commands, growth, screen. All of it takes a few minutes and 2 GB; --quick less.
"""

from __future__ import annotations

import multiprocessing
import sys

from tests.bench.rows import PARTS, QUICK, Sizes
from tests.bench.table import line, print_part


def main(arguments: list[str]) -> int:
    """Print the table; 2 for a part that there is not."""
    quick = "--quick" in arguments
    chosen = [word for word in arguments if word != "--quick"] or list(PARTS)
    unknown = [word for word in chosen if word not in PARTS]
    if unknown:
        sys.stderr.write(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}\n")
        return 2
    print(line(("what", "figure", "baseline", "ratio", "reach")), flush=True)
    # Each in a process of its own: memory and garbage of one part are not the next one's.
    process = multiprocessing.get_context("spawn").Process
    for name in chosen:
        part = process(target=print_part, args=(name, QUICK if quick else Sizes()))
        part.start()
        part.join()
        if part.exitcode:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
