"""The time left is named before the work starts, falls while it goes on, and ends at nothing."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sharpvision.report.progress import ProgressBar, estimated_seconds, remaining_seconds

shares = st.floats(0, 1)
seconds = st.floats(0, 1e4)


@given(seconds, seconds, shares)
def test_time_left_lies_between_the_estimate_and_the_pace(estimate: float, elapsed: float, done: float) -> None:
    left = remaining_seconds(estimate, elapsed, done)
    assert left is not None
    assert left >= 0
    if done > 1e-6:
        totals = sorted((estimate, elapsed / done))
        assert totals[0] * (1 - done) - 1e-6 <= left <= totals[1] * (1 - done) * (1 + 1e-9) + 1e-6
    else:
        assert left <= estimate + elapsed / max(done, 1e-300)


def test_a_share_too_small_to_divide_by_counts_as_none() -> None:
    assert remaining_seconds(5.0, 2.0, 1e-308) == 3.0
    assert remaining_seconds(None, 2.0, 1e-308) is None


def test_without_an_estimate_there_is_no_time_left_until_there_is_a_pace() -> None:
    assert remaining_seconds(None, 3.0, 0.0) is None
    assert remaining_seconds(None, 3.0, 0.5) == 3.0
    assert remaining_seconds(None, 3.0, 1.0) == 0.0


def test_more_work_takes_longer() -> None:
    assert estimated_seconds("physics", 10**6, 96) > estimated_seconds("physics", 10**6, 10)
    assert estimated_seconds("physics", 10**6, 96) > estimated_seconds("robust", 10**6, 96)


def test_lines_where_stderr_is_no_terminal() -> None:
    said = io.StringIO()
    with ProgressBar("cat", 12.0, Console(file=said, width=40)) as progress:
        for done in (0.0, 0.1, 0.2):
            progress("normals and reflectance, at reduced size", done)
        progress("write", 1.0)
    lines = said.getvalue().splitlines()
    assert lines[0] == "cat: about 12 s"
    assert len(lines) == 3, "one line a stage, however narrow"
    assert lines[2] == "cat: write (100 %, about 0 s left)"


def test_bar_on_a_terminal_shows_the_time_left_at_once() -> None:
    said = io.StringIO()
    with ProgressBar("cat", 65.0, Console(file=said, force_terminal=True, width=100, color_system=None)) as progress:
        progress("start", 0.0)
        progress("start", 5.0)  # more than all of it is all of it
    assert "0:01:05 left" in said.getvalue() or "0:01:04 left" in said.getvalue()
