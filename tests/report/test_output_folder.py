"""The output folder appears whole or not at all: refusals, exchange, full disks, kills, two runs at once."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sharpvision.core.errors import InputError
from sharpvision.report import output_folder
from sharpvision.report.output_folder import OutputFolder, written_to


def fill(folder: OutputFolder, text: str) -> None:
    (folder.path / "result.json").write_text(text)
    (folder.path / "maps.npz").write_text(text)


def write(out: Path, text: str, overwrite: bool = False) -> None:
    with OutputFolder(out, overwrite) as folder:
        fill(folder, text)
        folder.commit()


def content(out: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in out.iterdir()}


def hidden(parent: Path) -> list[str]:
    return [entry.name for entry in parent.iterdir() if entry.name.startswith(".")]


def test_new_folder_appears_only_on_commit(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with OutputFolder(out) as folder:
        fill(folder, "new")
        assert not out.exists()
        assert folder.path.stat().st_dev == tmp_path.stat().st_dev
        assert folder.commit() == out
        assert content(out) == {"result.json": "new", "maps.npz": "new"}
    assert os.listdir(tmp_path) == ["out"]


def test_without_commit_nothing_changes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "old")
    with OutputFolder(out, overwrite=True) as folder:
        fill(folder, "new")
    assert content(out)["result.json"] == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_overwrite_replaces_all_of_an_earlier_output(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "old")
    (out / "extra.png").write_text("only the old one has this")
    write(out, "new", overwrite=True)
    assert content(out) == {"result.json": "new", "maps.npz": "new"}
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_link_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("deep"), "first")
    Path("link").symlink_to("deep")
    if overwrite:
        write(Path("link"), "second", overwrite=True)
        assert Path("link").is_symlink()
        assert content(Path("deep"))["result.json"] == "second"
    else:
        with pytest.raises(InputError, match="found a folder"):
            write(Path("link"), "second")


def refusal(out: Path, overwrite: bool = False) -> str:
    before = sorted(out.parent.rglob("*")) if out.parent.is_dir() else []
    with pytest.raises(InputError) as caught, OutputFolder(out, overwrite):
        pytest.fail("entered")
    assert (sorted(out.parent.rglob("*")) if out.parent.is_dir() else []) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "001.png").write_text("x")
    assert "--overwrite" in refusal(tmp_path / "empty")
    assert "found a file" in refusal(tmp_path / "file")
    assert "found a file" in refusal(tmp_path / "file", overwrite=True)
    assert "mkdir -p" in refusal(tmp_path / "missing" / "out")
    assert "found a file" in refusal(tmp_path / "file" / "out")
    assert "found other files" in refusal(tmp_path / "photos", overwrite=True)
    assert "too long" in refusal(tmp_path / ("x" * 300))


def test_an_empty_folder_may_be_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", "new", overwrite=True)
    assert content(tmp_path / "out")["result.json"] == "new"


def test_the_root_of_the_disk_is_no_output() -> None:
    with pytest.raises(InputError, match="with a name"), OutputFolder("/", overwrite=True):
        pytest.fail("entered")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_parent_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert "permission to write" in refusal(tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("code", "said"),
    [(errno.ENOSPC, "a full disk"), (errno.EDQUOT, "a full disk"), (errno.EROFS, "permission"), (errno.EIO, "output")],
)
def test_what_the_system_says_becomes_one_line(code: int, said: str) -> None:
    with pytest.raises(InputError, match=said), written_to(Path("out")):
        raise OSError(code, os.strerror(code), "out/maps.npz")


def test_denied_folder_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", denied)
    assert "permission to write" in refusal(tmp_path / "out")


def test_a_file_larger_than_allowed_leaves_nothing(tmp_path: Path) -> None:
    """A limit on file size stands for a full disk; in another process, as limits are for good."""
    program = f"""
import resource, sys
from pathlib import Path
from sharpvision.core.errors import InputError
from sharpvision.report.output_folder import OutputFolder, written_to
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.getrlimit(resource.RLIMIT_FSIZE)[1]}))
try:
    with OutputFolder("out") as folder, written_to(folder.out):
        (folder.path / "result.json").write_text("{{}}")
        (folder.path / "maps.npz").write_bytes(bytes(1_000_000))
        folder.commit()
except InputError as error:
    sys.exit(str(error))
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "full disk" in ended.stderr
    assert os.listdir(tmp_path) == []


def test_a_second_run_is_told_at_once_and_the_first_wins(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with OutputFolder(out) as first:
        fill(first, "first")
        for overwrite in (False, True):
            with pytest.raises(InputError, match="another run"), OutputFolder(out, overwrite):
                pytest.fail("entered")
        first.commit()
    assert content(out)["result.json"] == "first"
    assert hidden(tmp_path) == []


def test_folders_side_by_side_do_not_disturb_each_other(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "a") as first, OutputFolder(tmp_path / "b") as second:
        fill(first, "a")
        fill(second, "b")
        second.commit()
        first.commit()
    assert content(tmp_path / "a")["maps.npz"] == "a"
    assert content(tmp_path / "b")["maps.npz"] == "b"


def test_a_folder_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with OutputFolder(out) as folder:
        fill(folder, "late")
        out.mkdir()
        (out / "result.json").write_text("somebody else's")
        with pytest.raises(InputError, match="found a folder"):
            folder.commit()
    assert content(out) == {"result.json": "somebody else's"}
    assert hidden(tmp_path) == []


WRITER = """
import sys, time
from pathlib import Path
from sharpvision.report.output_folder import OutputFolder
with OutputFolder("out", overwrite=True) as folder:
    print("in", flush=True)
    for round in range(200):
        for name in ("maps.npz", "result.json"):
            (folder.path / name).write_text(sys.argv[1])
    folder.commit()
    print("done", flush=True)
"""


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    program = WRITER.replace("range(200)", "range(10**9)")
    command = [sys.executable, "-c", program, "killed"]
    killed = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "in\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert hidden(tmp_path), "the test must leave something behind"
    assert not (tmp_path / "out").exists()
    write(tmp_path / "out", "next")
    assert content(tmp_path / "out")["result.json"] == "next"
    assert hidden(tmp_path) == []


def test_killed_at_any_moment_out_is_the_earlier_or_the_new_one(tmp_path: Path) -> None:
    """Kills while a folder is written and exchanged, at moments spread over the whole of it."""
    out = tmp_path / "out"
    write(out, "start")
    for number in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(number)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "in\n"
        time.sleep(0.004 * number)
        writer.kill()
        writer.wait()
        finished = writer.stdout.read() == "done\n"
        writer.stdout.close()
        found = content(out)
        assert set(found) == {"maps.npz", "result.json"}
        assert len(set(found.values())) == 1
        if finished:
            assert found["maps.npz"] == str(number)
    write(out, "end", overwrite=True)
    assert os.listdir(tmp_path) == ["out"]


def test_runs_that_race_for_one_new_folder(tmp_path: Path) -> None:
    """Of several at once exactly one writes; the others end with an error that names the reason."""
    program = f"""
import sys
from sharpvision.core.errors import InputError
try:
    exec({WRITER.replace(", overwrite=True", "")!r})
except InputError as error:
    sys.exit(str(error))
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", program, str(i)], cwd=tmp_path, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True) for i in range(4)
    ]  # fmt: skip
    ends = [(run.communicate()[1], run.returncode) for run in runs]
    assert sorted(code for _, code in ends) == [0, 1, 1, 1]
    assert all(("another run" in said or "found a folder" in said) for said, code in ends if code)
    assert len(set(content(tmp_path / "out").values())) == 1
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("killed_after", [0, 1, 2, 3])
def test_exchange_in_steps_where_the_system_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    """Without the system call there is a moment without OUT; a kill in it is undone by the next run."""
    out = tmp_path / "out"
    write(out, "old")
    monkeypatch.setattr(output_folder, "_exchange", output_folder._exchange_in_steps)
    renames = 0
    rename = Path.rename

    def rename_or_die(self: Path, target: Path) -> Path:
        nonlocal renames
        if renames == killed_after:
            raise SystemExit
        renames += 1
        return rename(self, target)

    killed = OutputFolder(out, overwrite=True)
    killed.__enter__()
    fill(killed, "new")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_or_die)
        if killed_after < 3:
            with pytest.raises(SystemExit):
                killed.commit()
        else:
            killed.commit()
    killed._lock.release()  # what the system does when a process dies
    with pytest.raises(InputError, match="found a folder"):
        write(out, "unwanted")
    assert content(out)["result.json"] in (("old",) if killed_after < 2 else ("new",))
    write(out, "next", overwrite=True)
    assert content(out)["result.json"] == "next"
    assert os.listdir(tmp_path) == ["out"]
