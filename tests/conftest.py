"""What the whole test run says at its end."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much of the oracle was compared, per kernel; under pytest-xdist, too."""
    cases: Counter[str] = Counter()
    operations: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in getattr(report, "user_properties", ()):
                if name == "oracle" and report.when == "call":
                    model, done, count = value
                    cases[model] += done
                    operations[model] += count
    for model in sorted(cases):
        terminalreporter.write_line(f"oracle: {model} {cases[model]} cases {operations[model]} ops")
    if not cases:
        terminalreporter.write_line("oracle: not run")
