"""Benchmarks: suites of cases, rows of one form, and what a method costs besides time."""

from sharpvision.bench.runner import BenchFailed, run_suite
from sharpvision.bench.suite import SUITES, Case, Ledger, Measurement, Options, Row, Suite

__all__ = ["SUITES", "BenchFailed", "Case", "Ledger", "Measurement", "Options", "Row", "Suite", "run_suite"]
