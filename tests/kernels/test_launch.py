"""Bands, threads, and what is said where the kernel cache can't be written."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
import warp as wp

from sharpvision.kernels import launch

FIT = """
    import hashlib
    import numpy as np
    from sharpvision.kernels.height_field import cast_shadows
    from sharpvision.kernels.pixels import Pixels, start_weights
    from sharpvision.kernels.robust_normals import robust_normals

    g = np.random.default_rng(0)
    unit = lambda a: np.ascontiguousarray(a / np.linalg.norm(a, axis=-1, keepdims=True), np.float32)
    lights = unit(g.normal(size=(10, 3)) * [1, 1, 0.3] - [0, 0, 1])
    observed = g.random((1500, 10, 3), np.float32)
    ones, viewers = np.ones((1500, 10), np.float32), np.tile(np.float32([0, 0, -1]), (1500, 1))
    pixels = Pixels(observed, ones, ones, np.full(1500, 0.1, np.float32), lights, 0 * viewers, viewers)
    normals, _, _ = robust_normals(observed, ones.astype(np.uint8), lights)
    results = pixels.fit(normals, start_weights(1500), steps=3)
    shadows = cast_shadows(g.random((30, 50), np.float32) * 5, np.ones((30, 50), bool), lights, 0 * viewers)
    everything = (*results, shadows, pixels.curvature(normals, results[1]))
    print(hashlib.sha256(b"".join(a.tobytes() for a in everything)).hexdigest())
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=200)


def test_bytes_do_not_depend_on_the_number_of_threads():
    one, two, three = (run(FIT, SHARPVISION_THREADS=str(n)) for n in (1, 2, 3))
    assert one.returncode == 0, one.stderr
    assert len(one.stdout.strip()) == 64
    assert one.stdout == two.stdout == three.stdout
    assert one.stderr == two.stderr == ""


@pytest.mark.parametrize("kind", ["a file", "below a file"])
def test_a_kernel_cache_that_cannot_be_made_is_one_line(tmp_path: Path, kind: str):
    blocked = tmp_path / "cache"
    blocked.write_text("")
    path = blocked if kind == "a file" else blocked / "below"
    code = """
        from sharpvision.core.errors import SharpVisionError
        try:
            import sharpvision.kernels.pixels
        except SharpVisionError as error:
            print(error)
    """
    done = run(code, WARP_CACHE_PATH=str(path))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert str(path) in done.stdout
    assert "set WARP_CACHE_PATH to a folder of yours" in done.stdout


def test_a_kernel_cache_that_becomes_unwritable_is_one_line(tmp_path: Path):
    code = """
        import shutil
        from pathlib import Path
        import numpy as np
        import warp as wp
        from sharpvision.core.errors import SharpVisionError
        from sharpvision.kernels.robust_normals import robust_normals

        folder = Path(wp.config.kernel_cache_dir)
        shutil.rmtree(folder)
        folder.write_text("")
        try:
            robust_normals(np.ones((1, 3, 3), np.float32), np.ones((1, 3), np.uint8), np.eye(3, dtype=np.float32))
        except SharpVisionError as error:
            print(error)
    """
    done = run(code, WARP_CACHE_PATH=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "set WARP_CACHE_PATH to a folder of yours" in done.stdout


def test_start_keeps_the_lines_of_others_on_standard_error(tmp_path: Path):
    code = """
        import os
        from sharpvision.kernels.launch import _without_cuda_notice
        with _without_cuda_notice():
            os.write(2, b"kept\\nWarp CUDA warning: Could not find or load the NVIDIA CUDA driver. No.\\nkept too\\n")
        os.write(2, b"after\\n")
    """
    done = run(code)
    assert done.returncode == 0
    assert done.stderr.splitlines() == ["kept", "kept too", "after"]


def test_start_works_without_standard_error():
    code = """
        import os
        os.close(2)
        import sharpvision.kernels.pixels
        print("started")
    """
    assert run(code).stdout == "started\n"


def test_bands_cover_each_item_once_and_share_no_scratch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHARPVISION_THREADS", "3")
    seen, busy, lock = [], set(), threading.Lock()

    def band(first: int, last: int, worker: int) -> None:
        with lock:
            assert worker not in busy
            busy.add(worker)
            seen.extend(range(first, last))
        with lock:
            busy.remove(worker)

    launch.in_bands(band, 1001, 10)
    assert sorted(seen) == list(range(1001))
    launch.in_bands(band, 0)
    assert len(seen) == 1001


@pytest.mark.parametrize("threads", ["1", "2"])
def test_an_error_in_a_band_reaches_the_caller(monkeypatch: pytest.MonkeyPatch, threads: str):
    monkeypatch.setenv("SHARPVISION_THREADS", threads)

    def band(first: int, last: int, worker: int) -> None:
        if first == 50:
            raise ValueError("band 50")

    with pytest.raises(ValueError, match="band 50"):
        launch.in_bands(band, 100, 10)


@pytest.mark.parametrize("named", ["0", "-1", "many", ""])
def test_a_bad_number_of_threads_means_all_processors(monkeypatch: pytest.MonkeyPatch, named: str):
    monkeypatch.delenv("SHARPVISION_THREADS", raising=False)
    every = launch.thread_count()
    monkeypatch.setenv("SHARPVISION_THREADS", named)
    assert launch.thread_count() == every >= 1


def test_a_view_shares_its_memory_and_refuses_a_copy():
    values = np.zeros((4, 3), np.float32)
    launch.as_warp(values, wp.vec3).fill_(wp.vec3(1.0, 2.0, 3.0))
    assert values.tolist() == [[1.0, 2.0, 3.0]] * 4
    with pytest.raises(ValueError, match="contiguous"):
        launch.as_warp(np.zeros((3, 4), np.float32).T, wp.float32)


def test_nothing_compiles_after_precompile(tmp_path: Path):
    code = """
        from pathlib import Path
        import warp as wp
        from sharpvision.kernels.compiled import precompile

        precompile()
        folder = Path(wp.config.kernel_cache_dir)
        objects = sorted(p.name for p in folder.rglob("*.o"))
        assert len(objects) == 3, objects
    """
    after = "\nassert sorted(p.name for p in folder.rglob('*.o')) == objects\n"
    done = run(textwrap.dedent(code) + textwrap.dedent(FIT) + after, WARP_CACHE_PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.strip()) == 64
