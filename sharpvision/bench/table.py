"""Rows of a benchmark as a table for people."""

from __future__ import annotations

from rich.table import Table

from sharpvision.bench.suite import Row


def table(rows: list[Row]) -> Table:
    """One line a row: its name, its settings, every metric of the suite, seconds and memory.

    >>> t = table([{"suite": "s", "case": "cat", "method": "m", "settings": {}, "metrics": {"error_deg": 1.0}}])
    >>> [column.header for column in t.columns]
    ['case', 'method', 'error deg', 'seconds', 'peak MiB']
    """
    settings = list(dict.fromkeys(key for row in rows for key in row["settings"]))
    metrics = list(dict.fromkeys(key for row in rows for key in row["metrics"]))
    result = Table(title=rows[0]["suite"] if rows else None)
    for name in ("case", "method", *settings):
        result.add_column(name.replace("_", " "))
    for name in (*metrics, "seconds", "peak MiB"):
        result.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        words = [row["case"], row["method"], *(str(row["settings"].get(key, "")) for key in settings)]
        numbers = [row["metrics"].get(key) for key in metrics]
        result.add_row(
            *words,
            *("" if value is None else f"{value:.3f}" for value in numbers),
            f"{row['seconds']:.2f}" if "seconds" in row else "",
            f"{row['peak_mib']:.0f}" if "peak_mib" in row else "",
        )
    return result
