"""Stacks of codes: in memory and spooled are the same; the spool has no name and says where there is no room."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpvision.core.errors import InputError
from sharpvision.data import spool
from sharpvision.data.spool import MemoryStack, PhotographSource, SpoolStack, make_stack
from sharpvision.data.transfer import Transfer


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_spooled_rows_equal_rows_in_memory(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.float32]))
    shape = (data.draw(st.integers(1, 9)), data.draw(st.integers(1, 5)), data.draw(st.sampled_from([1, 3])))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    arrays = (rng.random((3, *shape)) * 200).astype(dtype)
    stacks = MemoryStack(3, shape, dtype), SpoolStack(3, shape, dtype)
    for index in (2, 0, 1):
        for stack in stacks:
            stack.write(index, arrays[index])
    top = data.draw(st.integers(0, shape[0] - 1))
    bottom = data.draw(st.integers(top + 1, shape[0]))
    for index in range(3):
        for stack in stacks:
            np.testing.assert_array_equal(stack.read(index, top, bottom), arrays[index, top:bottom])


def test_size_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY_BYTES", 100)
    assert isinstance(make_stack(1, (10, 10, 1), np.uint8), MemoryStack)
    assert isinstance(make_stack(1, (10, 10, 1), np.uint16), SpoolStack)


@pytest.mark.skipif(os.name != "posix", reason="other systems remove the file when it is closed")
def test_the_spool_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stack = SpoolStack(1, (2, 2, 1), np.uint8)
    stack.write(0, np.ones((2, 2, 1), np.uint8))
    assert list(tmp_path.iterdir()) == []
    assert stack.read(0, 0, 2).sum() == 4


def test_no_room_is_said_before_work_starts() -> None:
    with pytest.raises(InputError, match="GB free for decoded photographs"):
        SpoolStack(1000, (1_000_000, 1_000_000, 3), np.float32)


def test_a_disk_that_fills_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullFile:
        def seek(self, position: int) -> None: ...

        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    stack = SpoolStack(1, (2, 2, 1), np.uint8)
    monkeypatch.setattr(stack, "_file", FullFile())
    with pytest.raises(InputError, match="set TMPDIR"):
        stack.write(0, np.ones((2, 2, 1), np.uint8))


def test_rows_that_were_never_written_are_no_data() -> None:
    with pytest.raises(OSError, match="not written in full"):
        SpoolStack(1, (2, 2, 1), np.uint8).read(0, 0, 2)


def test_a_source_applies_gains_and_shows_gray_as_rgb() -> None:
    stack = MemoryStack(2, (2, 2, 1), np.uint8)
    stack.write(0, np.full((2, 2, 1), 100, np.uint8))
    stack.write(1, np.full((2, 2, 1), 200, np.uint8))
    source = PhotographSource(stack, Transfer("uint8", 8, "linear"), np.array([1, 0.5], np.float32), (0, 1))
    images, validity = source.read(0, 1)
    assert images.shape == (2, 1, 2, 3)
    torch.testing.assert_close(images, torch.full_like(images, 100 / 255))
    assert validity.tolist() == [[[0, 0]], [[0, 0]]]
    only, _ = source.select([1]).read(0, 2)
    torch.testing.assert_close(only, torch.full((1, 2, 2, 3), 100 / 255))
