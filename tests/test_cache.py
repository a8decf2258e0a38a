"""The folder of compiled code is private, and old ones go."""

from __future__ import annotations

import os

import pytest

from analyzer import cache

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners and modes of files here")


@pytest.fixture
def base(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_is_made_for_its_user_alone(base):
    """Nobody else can write to the folder, nor to the one above it, whatever the umask."""
    before = os.umask(0)
    try:
        folder = cache.private_folder("kernels", "a")
    finally:
        os.umask(before)

    assert folder == base / "smtp-trace-analyzer" / "kernels-a"
    assert [each.stat().st_mode & 0o777 for each in (folder, folder.parent)] == [0o700, 0o700]
    assert not list(folder.iterdir())


@pytest.mark.parametrize("which", ["folder", "parent"])
@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_is_not_used_where_others_can_write(base, which, mode):
    """What others could have written is not loaded."""
    folder = cache.private_folder("kernels", "a")
    (folder if which == "folder" else folder.parent).chmod(mode)

    assert cache.private_folder("kernels", "a") is None


def test_is_not_used_below_a_folder_of_everybody(base):
    """Where everybody can rename folders, nobody's is private; with the sticky bit only owners can."""
    assert cache.private_folder("kernels", "a")
    base.chmod(0o777)
    assert cache.private_folder("kernels", "a") is None
    base.chmod(0o1777)
    assert cache.private_folder("kernels", "a")


def test_is_not_used_if_it_is_another_users(base, monkeypatch):
    """Code of a folder that another user made is not loaded."""
    assert cache.private_folder("kernels", "a")
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)

    assert cache.private_folder("kernels", "a") is None


def test_is_not_used_if_it_is_a_link(base, tmp_path):
    """A link in its place could lead anywhere."""
    (base / "smtp-trace-analyzer").mkdir(parents=True, mode=0o700)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (base / "smtp-trace-analyzer" / "kernels-a").symlink_to(tmp_path / "elsewhere")

    assert cache.private_folder("kernels", "a") is None


def test_nothing_is_made_where_the_current_folder_is(monkeypatch, tmp_path):
    """A relative XDG_CACHE_HOME counts for nothing, and without a home there is no cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir(mode=0o700)
    assert cache.private_folder("kernels", "a") == tmp_path / "home" / ".cache" / "smtp-trace-analyzer" / "kernels-a"

    def homeless():
        raise RuntimeError

    monkeypatch.setattr(cache.Path, "home", homeless)
    assert cache.private_folder("kernels", "a") is None
    assert [each.name for each in tmp_path.iterdir()] == ["home"]


def test_unwritable_home(monkeypatch, tmp_path):
    """Where nothing can be written there is no cache; a file stands for a folder without the right to write."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")

    assert cache.private_folder("kernels", "a") is None


def test_old_states_go(base):
    """The last used states are kept, and other kinds are left alone."""
    other = cache.private_folder("other", "0")
    for age, state in enumerate("edcba"):
        folder = cache.private_folder("kernels", state)
        (folder / "file").write_text("")
        os.utime(folder, (1e9 + age, 1e9 + age))
    cache.private_folder("kernels", "c")  # used again: newest

    assert sorted(each.name for each in other.parent.iterdir()) == ["kernels-a", "kernels-b", "kernels-c", "other-0"]
