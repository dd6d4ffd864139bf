"""Mutated traces: whatever a file says, it is a trace or a TraceError of printable lines, and quickly.

The test runs a few thousand; `python tests/trace/test_fuzz.py 1000000` runs as many as it is told, from another seed
with a second number, and prints what it found.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmtui.trace import codec
from mmtui.trace.errors import MOST_SHOWN, TraceError
from mmtui.trace.model import Trace

SAMPLES = sorted((Path(__file__).parents[2] / "traces").glob("*.json"))
WORDS = [
    b'"op"', b'"mmap"', b'"pid"', b'"addr":"0x10"', b'"pfn":', b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\",
    b"\\u0000",
    b"\\ud800", b"\\udc00", b"\x00", b"\xff", b"\xc3\xa9", b"\xe2\x80\xae", b"1e999", b"-1", b"0.5", b"9" * 30, b"NaN",
    b"null", b"true", b'"0x', b" :", b"\n", b'"ops":', b'"log":{"a":1}', b'"machine":{}', b'"recording":{}', b"\x1b[2J",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, -1, 0, 1, 1 << 31, 1 << 48, 1 << 63, 1 << 200, 0.5, "", "0x", "0x10", "0X1G",
    "rw", "\x1b[31m", "\u202e", "\0",
    [], {}, [[]], [1, 2], [2, 1], {"anon": True}, {"op": 1}, {"pfn": 1}, "VM_IO", ["VM_IO"], ["shared"], "x" * 5000,
]  # fmt: skip


def small_samples() -> list[bytes]:
    """The samples without their long texts: most mutations should hit what means something."""
    found = []
    for path in SAMPLES:
        trace = json.loads(path.read_text())
        found.append(json.dumps({**trace, "about": "x"}).encode())
    return found


def mutated_bytes(rng: random.Random, data: bytes) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(5)
        if what == 0:
            data = data[:at] + rng.choice(WORDS) + data[at:]
        elif what == 1:
            data = data[:at] + data[at + rng.randrange(1, 40) :]
        elif what == 2:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif what == 3:
            other = rng.randrange(len(data) + 1)
            data = data[:at] + data[other : other + rng.randrange(200)] + data[at:]
        else:
            data = data[:at]
    return data


def mutated_value(rng: random.Random, value: Any, depth: int = 0) -> Any:
    if depth > 4 or rng.random() < 0.15:
        return rng.choice(VALUES)
    if isinstance(value, list) and value:
        i = rng.randrange(len(value))
        return [*value[:i], *([] if rng.random() < 0.1 else [mutated_value(rng, value[i], depth + 1)]), *value[i + 1 :]]
    if isinstance(value, dict) and value:
        key = rng.choice(list(value))
        change = {key: mutated_value(rng, value[key], depth + 1)}
        rest = {k: v for k, v in value.items() if k != key or rng.random() < 0.5}
        return {**rest, **(change if rng.random() < 0.8 else {rng.choice(["x", "pid", "adr", key + "s"]): 1})}
    return rng.choice(VALUES)


def inputs(seed: int, count: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    samples = small_samples()
    parsed = [json.loads(sample) for sample in samples]
    for _ in range(count):
        if rng.random() < 0.5:
            yield mutated_bytes(rng, rng.choice(samples))
        else:
            yield json.dumps(mutated_value(rng, rng.choice(parsed))).encode()


def problem_with(data: bytes) -> str:
    """Why the codec did not behave on this input, or ""."""
    start = time.process_time()
    try:
        trace = codec.decode(data)
        if not isinstance(trace, Trace) or (trace.recording is None and codec.decode(codec.encode(trace)) != trace):
            return "it does not survive writing and reading"
    except TraceError as e:
        if not e.errors or len(e.errors) > MOST_SHOWN or not all(line.isprintable() for line in str(e).split("\n")):
            return f"its error is not fit to be shown: {e!r}"
    except Exception as e:
        return f"{type(e).__name__}: {e}"
    seconds = time.process_time() - start
    return f"it took {seconds:.1f} s" if seconds > 1 else ""


@pytest.mark.parametrize("seed", range(3))
def test_mutated_traces_are_traces_or_trace_errors(seed: int) -> None:
    wrong = [(data, problem) for data in inputs(seed, 1000) if (problem := problem_with(data))]

    assert wrong == []


def main() -> None:
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    found = 0
    for data in inputs(seed, count):
        if problem := problem_with(data):
            found += 1
            print(problem, data)
    print(f"{count} inputs, {found} found")


if __name__ == "__main__":
    main()
