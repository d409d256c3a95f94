"""Rows of a benchmark as tables for people."""

from __future__ import annotations

import itertools

from rich import box
from rich.table import Table

from sharpvision.bench.suite import Row


def tables(rows: list[Row]) -> list[Table]:
    """One table for each kind of row (those made of other rows have metrics of their own), in order.

    >>> rows = [{"suite": "s", "case": c, "method": "m", "settings": {}, "metrics": {"error_deg": 1.0}} for c in "ab"]
    >>> [table.row_count for table in tables([*rows, {**rows[0], "metrics": {"gain_deg": 1.0}}])]
    [2, 1]
    """
    return [table(list(group)) for _, group in itertools.groupby(rows, lambda row: next(iter(row["metrics"]), ""))]


def table(rows: list[Row]) -> Table:
    """One line a row: its name, the settings that differ, every metric, seconds, memory; equal settings in the title.

    >>> t = table([{"suite": "s", "case": "cat", "method": "m", "settings": {"n": 3}, "metrics": {"error_deg": 1.0}}])
    >>> t.title, [column.header for column in t.columns]
    ('s, n 3', ['case', 'method', 'error deg', 'seconds', 'MiB'])
    """
    settings = list(dict.fromkeys(key for row in rows for key in row["settings"]))
    values = {key: [row["settings"].get(key) for row in rows] for key in settings}
    varied = [key for key in settings if any(value != values[key][0] for value in values[key])]
    fixed = [f"{words(key)} {shown(values[key][0])}" for key in settings if key not in varied]
    metrics = list(dict.fromkeys(key for row in rows for key in row["metrics"]))
    result = Table(title=", ".join([rows[0]["suite"], *fixed]), box=box.SIMPLE, pad_edge=False)
    for name in ("case", "method", *varied):
        result.add_column(words(name), no_wrap=name in ("case", "method"))
    for name in (*metrics, "seconds", "MiB"):
        result.add_column(words(name), justify="right")
    for row in rows:
        numbers = [row["metrics"].get(key) for key in metrics]
        result.add_row(
            row["case"],
            row["method"],
            *(shown(row["settings"].get(key)) for key in varied),
            *("" if value is None else f"{value:.3f}" for value in numbers),
            f"{row['seconds']:.2f}" if "seconds" in row else "",
            f"{row['peak_mib']:.0f}" if "peak_mib" in row else "",
        )
    return result


def words(name: str) -> str:
    """A name of a metric or setting, in words that can break over lines."""
    return name.replace("_", " ")


def shown(value: object) -> str:
    """A setting's value.

    >>> shown(True), shown(None), shown(96)
    ('yes', '-', '96')
    """
    return {True: "yes", False: "no", None: "-"}[value] if value is None or isinstance(value, bool) else str(value)
