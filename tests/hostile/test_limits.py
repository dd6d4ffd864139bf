"""What would not fit: one line that names the limit, and how to raise it; soon, and before memory is gone."""

from __future__ import annotations

import gc
import gzip
import json
import resource
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

import mmtui
from mmtui.engine import cells
from mmtui.sidecar import Sidecar
from mmtui.trace import codec
from mmtui.ui import config
from tests.ui.stepping import walking

ROOT = Path(__file__).parents[2]
MMAP = {"op": "mmap", "pid": 1, "addr": 0x1000000, "prot": "rw", "flags": ["private"], "backing": {"anon": True}}
HEAD = '{"mmtui": 1, "ops": ['


def trace(*ops: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"mmtui": 1, "ops": [{"op": "spawn", "pid": 1}, *ops], **more}


def refused(folder: Path, data: bytes, **env: str) -> str:
    """What `mmtui run` says, with 3 GiB of address space; in less than ten seconds of CPU."""
    path = folder / "t.json"
    path.write_bytes(data)
    most = 3 << 30
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        [sys.executable, "-m", "mmtui", "run", str(path)],
        capture_output=True, text=True, check=False, timeout=120, cwd=ROOT, env={"PATH": "/usr/bin:/bin", **env},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)),
    )  # fmt: skip
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


def test_a_billion_frames(tmp_path: Path) -> None:
    said = refused(tmp_path, json.dumps(trace(machine={"frames": 10**9})).encode())

    assert said.endswith(
        "machine.frames: 1000000000 frames; the limit is 4194304 (MMTUI_MAX_FRAMES raises it, up to 67108863)"
    )


def test_a_million_processes(tmp_path: Path) -> None:
    spawns = ", ".join(f'{{"op": "spawn", "pid": {pid}}}' for pid in range(1, 10**6 + 1))
    said = refused(tmp_path, f"{HEAD}{spawns}]}}".encode())

    assert said.endswith("ops: 1000000 processes; the limit is 100000 (MMTUI_MAX_PROCESSES raises it)")


def test_a_gzip_bomb(tmp_path: Path) -> None:
    said = refused(tmp_path, gzip.compress(bytes(1 << 28 | 1), 1) + gzip.compress(b"x" * (1 << 20)))

    assert said.endswith("larger than 256 MiB when uncompressed, which is the limit (MMTUI_MAX_BYTES raises it)")


def test_a_file_that_is_too_long(tmp_path: Path) -> None:
    said = refused(tmp_path, b" " * 3_000_000, MMTUI_MAX_BYTES="2000000")

    assert said.endswith("larger than 1 MiB, which is the limit (MMTUI_MAX_BYTES raises it)")


@pytest.mark.parametrize(
    "text", [HEAD + "[" * 1_000_000, HEAD + '{"a":' * 100_000, '{"mmtui":' + "[" * 5000 + "]" * 5000]
)
def test_deep_nesting(tmp_path: Path, text: str) -> None:
    assert "nested" in refused(tmp_path, text.encode())


def test_a_log_that_would_not_fit(tmp_path: Path) -> None:
    data = json.dumps(
        trace({**MMAP, "pages": 100}, *({"op": "write", "pid": 1, "addr": 0x1000000 + 4096 * n} for n in range(99)))
    )
    said = refused(tmp_path, data.encode(), MMTUI_MAX_CHANGES="500")

    assert said.endswith("more than 500 changes, which is the limit (MMTUI_MAX_CHANGES raises it)")


def test_more_page_tables_than_a_log_can_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MAX_ROWS", 1 << 15)
    far = [{"op": "write", "pid": 1, "addr": 0x1000000 + (n << 22)} for n in range(40)]

    with pytest.raises(mmtui.TraceError, match=r"ops\[33\]: more than 31 page tables, and no log can name more"):
        mmtui.load(trace({**MMAP, "pages": 1 << 16}, *far))


def test_a_recording_of_more_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmtui.live.timeline import load
    from tests.live.test_replay import LIVES

    monkeypatch.setenv("MMTUI_MAX_CHANGES", "10")
    with pytest.raises(mmtui.TraceError, match="more than 10 changes, which is the limit"):
        load(b"".join(json.dumps(line).encode() + b"\n" for line in LIVES))


def test_a_stored_log_of_more_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmtui.formats.annotated import annotated_json

    timeline = mmtui.load(trace({**MMAP, "pages": 1}))
    stored = json.loads(annotated_json(timeline, timeline.trace, log=True))
    monkeypatch.setenv("MMTUI_MAX_CHANGES", "10")

    with pytest.raises(mmtui.TraceError, match="more than 10 changes, which is the limit"):
        mmtui.load(stored)


def test_one_long_query_over_one_long_line_is_quick() -> None:
    timeline = mmtui.load(trace({**MMAP, "pages": 1}))
    begun = time.process_time()
    for text in ("leak or " * 200 + "leak", "(" * 50 + "leak" + ")" * 50, "not " * 59 + "leak"):
        timeline.find(text)
    with pytest.raises(ValueError, match="at most 4000"):
        timeline.find("leak or " * 2000)
    with pytest.raises(ValueError, match="alternatives"):
        timeline.find(" and ".join(["(leak or free)"] * 20))

    assert time.process_time() - begun < 1


def test_notes_that_are_too_long_to_be_notes_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.json.mmtui"
    path.write_bytes(b"x" * 2000)
    monkeypatch.setenv("MMTUI_MAX_BYTES", "1000")
    side = Sidecar.open(tmp_path / "t.json")
    side.add("mark", name="mine")

    assert side.trouble == (
        "not written to t.json.mmtui: too large to be notes (MMTUI_MAX_BYTES raises the limit); kept in memory"
    )
    assert [record["name"] for record in side.of_kind("mark")] == ["mine"]
    assert path.read_bytes() == b"x" * 2000


def test_settings_that_are_too_long_to_be_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMTUI_CONFIG_DIR", str(tmp_path))
    (tmp_path / "config.toml").write_text("#" * 300_000)

    with pytest.raises(config.ConfigError, match="not read: larger than 256 KiB"):
        config.load({}, {})


@pytest.mark.parametrize("limit", ["changes", "tables"])
async def test_a_long_trace_that_meets_a_limit_on_the_screen_is_walked_up_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    step = 4096 if limit == "changes" else 1 << 22
    far = [
        {"op": "write", "pid": 1, "addr": 0x1000000 + step * (n % 600 if limit == "tables" else n)} for n in range(7000)
    ]
    story = codec.decode(
        trace({**MMAP, "pages": 7000 if limit == "changes" else 600 * 1024}, *far, machine={"frames": 8000})
    )
    (tmp_path / "long.json").write_bytes(codec.encode(story))
    if limit == "changes":
        monkeypatch.setenv("MMTUI_MAX_CHANGES", "20000")
    else:
        monkeypatch.setattr(cells, "MAX_ROWS", 1 << 19)
    async with walking(tmp_path, trace="long.json") as walk:
        for _ in range(3000):
            if walk.app.growing is None:
                break
            await walk.pilot.pause(0.02)

        assert ("more than 20000 changes" if limit == "changes" else "more than 511 page tables") in walk.message
        for key in (">", "N", "N", "n", "S", "S", "F", "f", "c", "C", "e", "escape", "<", "n", "s"):
            await walk.press({">": "greater_than_sign", "<": "less_than_sign"}.get(key, key))
        assert 0 < walk.position < len(walk.desk.timeline)
        assert walk.desk.timeline.op_count > 500


def test_a_timeline_that_nobody_holds_is_gone() -> None:
    timeline = mmtui.load(trace({**MMAP, "pages": 1}))
    timeline.find("leak or page.count > 1")
    timeline.with_kernel("6.x").find("leak")
    left = weakref.ref(timeline)
    del timeline
    gc.collect()

    assert left() is None
