"""A private folder for what can be made again: nobody else can have written what is loaded from it."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

#: Folders of older states that are kept: two versions or two interpreters that are used in turn both find theirs.
KEPT = 3


def private_folder(kind: str, state: str) -> Path | None:
    """Give this user's folder for a state of `kind`, made if it is missing, and remove all but the last used ones.

    None where there is no place for it, or where another user could write: what lies there is run. Nothing is raised.
    """
    base = _base()
    if base is None:
        return None
    home = base / "smtp-trace-analyzer"
    folder = home / f"{kind}-{state}"
    try:
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in (home, folder):
            each.mkdir(exist_ok=True, mode=0o700)
        above = base.resolve()
        if not (_is_ours(home) and _is_ours(folder) and all(map(_is_safe, (above, *above.parents)))):
            return None
        with tempfile.TemporaryFile(dir=folder):
            pass
        os.utime(folder)
    except OSError:
        return None
    _forget(home, kind)
    return folder


def write_whole(file: Path, data: bytes) -> None:
    """Write a file into a private folder, all of it or nothing; where there is no room, nothing."""
    with suppress(OSError):
        place, name = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(place, "wb") as made:
                made.write(data)
            os.replace(name, file)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _base() -> Path | None:
    """Where this user's caches are (XDG Base Directory Specification: a relative path is not valid)."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():
        return named
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # neither HOME nor an account
        return None


def _is_ours(folder: Path) -> bool:
    """Say whether a folder belongs to this user, and nobody else can write to it."""
    about = folder.lstat()
    mine = not hasattr(os, "geteuid") or (about.st_uid == os.geteuid() and not about.st_mode & 0o022)
    return stat.S_ISDIR(about.st_mode) and mine


def _is_safe(folder: Path) -> bool:
    """Say whether no stranger can put another folder in the place of one in this folder.

    Its group may write: many systems give every user a group of their own, and let it write.
    """
    if not hasattr(os, "geteuid"):
        return True
    about = folder.stat()
    return about.st_uid in (0, os.geteuid()) and (not about.st_mode & 0o002 or bool(about.st_mode & stat.S_ISVTX))


def _forget(home: Path, kind: str) -> None:
    """Remove the folders of older states."""
    with suppress(OSError):
        states = sorted(home.glob(f"{kind}-*"), key=lambda each: each.stat().st_mtime, reverse=True)
        for each in states[KEPT:]:
            shutil.rmtree(each, ignore_errors=True)
