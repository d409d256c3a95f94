"""Files that appear whole or not at all, whatever kills the run that writes them."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sharpvision.core.errors import InputError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def written_to(out: Path, choose: str = "choose another --out") -> Iterator[None]:
    """Turn what the operating system says about writing `out` into an `InputError` of one line."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise InputError(out, "room for the output", "a full disk", f"free space or {choose}") from error
        if error.errno in _DENIED:
            raise InputError(out, "permission to write", "none", f"change it or {choose}") from error
        reason = error.strerror or str(error) or type(error).__name__
        raise InputError(out, "a place that can be written", reason.lower(), choose) from error


def check_free(path: Path, overwrite: bool, choose: str = "choose another name") -> None:
    """`InputError` where `path` cannot become a file: its folder is missing, it is a folder, or it exists already."""
    with written_to(path, choose):
        parent = path.parent
        if not parent.is_dir():
            found = "a file" if parent.exists() else "nothing there"
            raise InputError(path, f"a folder at {parent}", found, f"run: mkdir -p {parent}")
        if path.is_dir():
            raise InputError(path, "a file or nothing", "a folder", choose)
        if os.path.lexists(path) and not overwrite:
            raise InputError(path, "nothing there yet", "a file", f"{choose} or add --overwrite")


def write_whole(files: Mapping[Path, bytes], overwrite: bool = False, choose: str = "choose another name") -> None:
    """Write files by temporary siblings, all on the disk before the first gets its name; refusals as `check_free`.

    A kill between the renames of several files leaves some of them, each whole.

    >>> place = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_whole({place: b"whole"})
    >>> place.read_bytes(), [p.name for p in place.parent.iterdir()]
    (b'whole', ['a.txt'])
    """
    staged: dict[Path, Path] = {}
    try:
        for path, data in files.items():
            check_free(path, overwrite, choose)
            with written_to(path, choose):
                staged[path] = _stage(path, data)
        for path, sibling in staged.items():
            with written_to(path, choose):
                if overwrite:
                    sibling.replace(path)
                else:
                    os.link(sibling, path)  # refuses, unlike a rename, should the file have appeared since
                    sibling.unlink()
    finally:
        for sibling in staged.values():
            with suppress(OSError):
                sibling.unlink(missing_ok=True)


def _stage(path: Path, data: bytes) -> Path:
    """The bytes, flushed to the disk, in a hidden file beside `path`, with the permissions of a new file."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".sharpvision-partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    return Path(name)
