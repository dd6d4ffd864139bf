"""`mmtui check`: traces as tests of CI."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import ROOT, TRACES, Mmtui

LEAK = TRACES / "nopage-leak-small.json"
COW = TRACES / "fork-cow.json"


@pytest.mark.parametrize(("kernel", "status"), [("2.6.14", 0), ("2.6.15-rc2", 1), ("2.6.15", 0)])
def test_never(mmtui: Mmtui, kernel: str, status: int) -> None:
    done = mmtui("check", LEAK, "--never", "leak", "--kernel", kernel)

    assert done.status == status
    if status:
        assert f"FAIL   {LEAK} on {kernel}: never leak: at 5." in done.out
    else:
        assert done.out == f"ok     {LEAK} on {kernel}\n1 checked, all ok\n"


def test_always_is_a_comparison_that_no_change_makes_false(mmtui: Mmtui) -> None:
    assert mmtui("check", LEAK, "--always", "page.count >= 0 and page.mapcount >= 0").status == 0

    done = mmtui("check", LEAK, "--always", "page.count < 2")

    assert done.status == 1
    assert "always page.count < 2: at 4." in done.out
    assert mmtui("check", LEAK, "--always", "leak").status == 2


def test_expect_holds_until_something_changes(mmtui: Mmtui, tmp_path: Path) -> None:
    golden = tmp_path / "golden.json"
    args = ["check", LEAK, COW, "--expect", golden, "-k", "2.6.14", "-k", "2.6.15-rc2"]

    assert mmtui(*args).status == 2  # nothing there yet
    assert mmtui(*args, "--update").status == 0
    assert mmtui(*args).status == 0

    runs = json.loads(golden.read_text())
    assert len(runs["runs"]) == 4
    runs["runs"]["nopage-leak-small.json on 2.6.15-rc2"]["events"]["leak"] = ["1.1"]
    golden.write_text(json.dumps(runs))
    done = mmtui(*args)

    assert done.status == 1
    assert ", expected at 1.1" in done.out
    assert done.out.endswith("4 checked, 1 failed\n")


def test_a_run_that_nobody_expects_fails(mmtui: Mmtui, tmp_path: Path) -> None:
    golden = tmp_path / "golden.json"
    mmtui("check", COW, "--expect", golden, "--update")

    assert "nothing is expected of it yet" in mmtui("check", LEAK, "--expect", golden).out


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mmtui-expect": 2, "runs": {}}', '{"mmtui-expect": 1}'])
def test_a_wrong_file_of_expectations(mmtui: Mmtui, tmp_path: Path, text: str) -> None:
    (tmp_path / "golden.json").write_text(text)

    done = mmtui("check", LEAK, "--expect", "golden.json")

    assert done.status == 2
    assert "golden.json: not a file of expectations" in done.err


def test_junit_is_xml_that_counts(mmtui: Mmtui, tmp_path: Path) -> None:
    broken = tmp_path / '<&\x1b">.json'
    broken.write_text('{"mmtui": 1, "ops": [{"op": "<script>\\u0007"}]}')

    done = mmtui("check", LEAK, COW, broken, "--never", "leak", "--format", "junit")

    suite = ElementTree.fromstring(done.out)
    assert done.status == 2
    assert {k: suite.get(k) for k in ("tests", "failures", "errors")} == {"tests": "3", "failures": "1", "errors": "1"}
    assert [case.find("failure") is not None for case in suite] == [True, False, False]
    error = suite[2].find("error")
    assert error is not None
    assert "<script>" in str(error.text)


def test_json_says_what_and_where(mmtui: Mmtui) -> None:
    done = mmtui("check", LEAK, "--never", "leak", "--never", "bug", "--format", "json")

    [result] = json.loads(done.out)
    assert (result["result"], result["kernel"]) == ("fail", "2.6.15-rc2")
    assert [failure["asked"] for failure in result["failures"]] == ["never leak"]


def test_many_jobs_say_the_same_as_one(mmtui: Mmtui) -> None:
    traces = sorted(TRACES.glob("*.json"))[:6]
    args = ["check", *traces, "--never", "leak", "--never", "free_unpaged"]

    one, three = mmtui(*args), mmtui(*args, "-j", "3")

    assert (one.status, one.out) == (three.status, three.out)


def test_rerun_wants_a_log(mmtui: Mmtui) -> None:
    done = mmtui("check", LEAK, "--rerun")

    assert done.status == 1
    assert "no log was exported into it" in done.out


def test_a_wrong_query_is_wrong_usage(mmtui: Mmtui) -> None:
    done = mmtui("check", LEAK, "--never", "leek")

    assert (done.status, done.out) == (2, "")
    assert "--never 'leek': column 1" in done.err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_workers_end_with_whoever_started_them(tmp_path: Path, number: signal.Signals, status: int) -> None:
    fifos = [tmp_path / "a.json", tmp_path / "b.json"]
    for fifo in fifos:
        os.mkfifo(fifo)
    with subprocess.Popen(
        [sys.executable, "-m", "mmtui", "check", *fifos, "-j", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True,
    ) as process:  # fmt: skip
        writers = [os.open(fifo, os.O_WRONLY) for fifo in fifos]  # each opens when a worker reads
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        out, error = process.communicate(timeout=30)
        for writer in writers:
            os.close(writer)

    assert (process.returncode, out, error) == (status, b"", b"")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_rerun_compares_an_exported_log_with_a_fresh_run(mmtui: Mmtui, tmp_path: Path) -> None:
    assert mmtui("export", LEAK, "--log", "-o", "log.json").status == 0
    assert mmtui("check", "log.json", "--rerun").status == 0
    assert "its log is of 2.6.15-rc2" in mmtui("check", "log.json", "--rerun", "-k", "2.6.14").out

    trace = json.loads((tmp_path / "log.json").read_text())
    trace["ops"][5]["pid"] = 9  # the operations are no longer those of the log
    (tmp_path / "log.json").write_text(json.dumps(trace))
    done = mmtui("check", "log.json", "--rerun")

    assert done.status == 1
    assert "rerun: at op:5: result -ESRCH, expected ok" in done.out
