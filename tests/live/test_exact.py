"""The deltas of a recording against whole re-reads of /proc at every stop."""

from __future__ import annotations

import subprocess
import sys

from tests.live.recorder import ROOT

CHECK = """
import sys
from pathlib import Path
from mmtui.live import record_book
from mmtui.live.record import Options, record
from mmtui.live.record_space import AddressSpace, Changes

write, wrong, compared = record_book.Book._write, [], 0

def entries(space):
    mask = space._sight.mask
    return {(number, slot): entry & mask for number, table in space._tables.items()
            for slot, entry in enumerate(memoryview(table).cast("Q")) if entry & mask}

def checked(book, tgid, tid, event, *rest, **named):
    global compared
    write(book, tgid, tid, event, *rest, **named)
    for space in set(book.spaces.values()):
        whole = AddressSpace(min(space.members), space._sight)
        whole.read_all(Changes())
        compared += 1
        if whole.areas != space.areas or entries(whole) != entries(space):
            wrong.append((book.steps, event))
        whole.close()

record_book.Book._write = checked
record(Options(sys.argv[1:], Path("r.jsonl")), lambda text: None, lambda book: None)
print(compared, wrong[:3])
"""


def test_what_the_deltas_add_up_to_is_what_proc_says_at_every_stop(recorder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CHECK, "sh", "-c", "(ls /; true) >/dev/null; wait"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        text=True, capture_output=True, timeout=60,
    )  # fmt: skip

    compared, wrong = done.stdout.split(" ", 1)

    assert int(compared) > 200, done.stderr
    assert wrong.strip() == "[]"
