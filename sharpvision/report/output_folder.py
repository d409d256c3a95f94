"""A folder that appears whole or not at all, whatever kills the run that writes it.

Files go into a hidden sibling on the same file system, which is renamed to the folder in the end (or exchanged with an
earlier one in a single system call). The sibling's name is fixed by the folder's name and guarded by a lock that the
system drops when its holder dies: so a second run at the same time is told at once, and what a killed run left behind
is recognised and removed by the next.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sharpvision.core.errors import InputError
from sharpvision.data.whole_file import written_to

RESULT = "result.json"


class OutputFolder:
    """Reserve `out`, write into `path`, then `commit`; leaving the block without that leaves `out` as it was.

    Raises `InputError` on entry where `out` exists (without `overwrite`), is a file, is not an earlier output of
    sharpvision (with `overwrite`), has no parent that can be written, or is being written by another run.

    >>> import tempfile
    >>> out = Path(tempfile.mkdtemp()) / "out"
    >>> with OutputFolder(out) as folder:
    ...     _ = (folder.path / "result.json").write_text("{}")
    ...     _ = folder.commit()
    >>> sorted(p.name for p in out.parent.rglob("*"))
    ['out', 'result.json']
    """

    def __init__(self, out: str | Path, overwrite: bool = False) -> None:
        with written_to(Path(out)):
            self.out = Path(os.path.realpath(out))
        self.overwrite = overwrite
        self.path = self.out.parent / f".{self.out.name}.sharpvision-partial"
        self._earlier = self.path.with_name(self.path.name + ".earlier")
        self._lock = FileLock(f"{self.path}.lock", timeout=0)

    def __enter__(self) -> OutputFolder:
        parent = self.out.parent
        if not self.out.name:
            raise InputError(self.out, "a folder with a name", "the root of the disk", "choose another --out")
        if not parent.is_dir():
            found = "a file" if parent.exists() else "nothing there"
            raise InputError(self.out, f"a folder at {parent}", found, f"run: mkdir -p {parent}")
        with written_to(self.out):
            self._check()  # before the lock, so that an ordinary refusal touches nothing
            try:
                self._lock.acquire()
            except Timeout as busy:
                raise InputError(self.out, "one run at a time", "another run that is writing there",
                                 "wait for it or choose another --out") from busy  # fmt: skip
            try:
                if self._earlier.exists() and not os.path.lexists(self.out):
                    self._earlier.rename(self.out)  # an exchange in steps was killed half-way: undo it
                self._check()
                _remove(self.path)
                self.path.mkdir()
            except BaseException:
                self._release()
                raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._release()

    def commit(self) -> Path:
        """Put the folder in its place in one step, and only then remove the one it replaces."""
        with written_to(self.out):
            for file in self.path.rglob("*"):
                if file.is_file():
                    _sync(file)
            _sync(self.path)
            self._check()
            if os.path.lexists(self.out):
                _exchange(self.path, self.out)
            else:
                self.path.rename(self.out)  # the system refuses should a full folder have appeared since
            _sync(self.out.parent)
        return self.out

    def _check(self) -> None:
        """Refuse an `out` that must not be replaced."""
        if not os.path.lexists(self.out):
            return
        if not self.out.is_dir():
            raise InputError(self.out, "a folder or nothing", "a file", "choose another --out")
        if not self.overwrite:
            raise InputError(self.out, "nothing there yet", "a folder", "choose another --out or add --overwrite")
        if not (self.out / RESULT).is_file() and any(self.out.iterdir()):
            raise InputError(self.out, f"an earlier output (with {RESULT})", "other files", "choose another --out")

    def _release(self) -> None:
        """Remove the hidden sibling (unfinished, or the one that was replaced), then the lock's file, then the lock."""
        for path in (self.path, self._earlier):
            with suppress(OSError):
                _remove(path)
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()
        self._lock.release()


def _remove(path: Path) -> None:
    if os.path.lexists(path):
        shutil.rmtree(path)


def _sync(path: Path) -> None:
    """Flush a file, or a folder's entries where the system can, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _exchange(a: Path, b: Path) -> None:
    """Swap two folders in one system call (Linux `renameat2`, macOS `renamex_np`), else in three renames."""
    library = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(a), os.fsencode(b)
    if sys.platform == "darwin":
        failed = library.renamex_np(first, second, 2)  # RENAME_SWAP
    elif hasattr(library, "renameat2"):
        failed = library.renameat2(-100, first, -100, second, 2)  # AT_FDCWD twice, RENAME_EXCHANGE
    else:
        failed = _exchange_in_steps(a, b)
    if failed:
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise OSError(code, os.strerror(code), str(b))
        _exchange_in_steps(a, b)


def _exchange_in_steps(a: Path, b: Path) -> int:
    """The same without the system's help: a kill between the renames leaves the earlier folder as `a` + '.earlier'."""
    earlier = a.with_name(a.name + ".earlier")
    _remove(earlier)
    b.rename(earlier)
    a.rename(b)
    earlier.rename(a)
    return 0
