"""Freed memory stays with the process: a second round of the same tensors costs hardly a page fault."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from sharpvision.kernels.freed_memory import keep_freed_memory
print(keep_freed_memory())
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def rounds():
    for _ in range(10): torch.zeros(1_000_000)
rounds()
before = faults()
rounds()
print(faults() - before)
"""


def measured(**environment: str) -> tuple[str, int]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    told, count = done.stdout.split()
    return told, int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own setting")
def test_pages_are_not_fetched_again() -> None:
    told, count = measured()
    if told != "True":
        pytest.skip("not glibc")
    assert count < 100  # 10 tensors of 977 pages each


def test_it_can_be_left_alone() -> None:
    assert measured(SHARPVISION_KEEP_MEMORY="0")[0] == "False"
    assert measured(MALLOC_TRIM_THRESHOLD_="100000")[0] == "False"
