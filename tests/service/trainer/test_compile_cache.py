"""The cache of compiled programs keeps below its limit, and the doctor shows how full it is."""

import os
from pathlib import Path

from service.operations.doctor import training
from service.settings import Settings
from service.trainer.compile_cache import holdings, trim


def program(folder: Path, name: str, size: int, used: float, written: float = 0.0) -> Path:
    """An entry of a cache: its size in bytes, when it was read and when it was written."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (used, written))
    return path


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    read = program(tmp_path, "old-but-read-cache", 40, used=9.0, written=1.0)
    unread = program(tmp_path, "unread-cache", 40, used=0.0, written=5.0)
    forgotten = program(tmp_path, "xla/forgotten", 40, used=2.0)
    assert trim(tmp_path, 120) == 0
    assert (holdings(tmp_path).entries, holdings(tmp_path).size) == (3, 120)
    assert trim(tmp_path, 119) == 1
    assert [path.exists() for path in (read, unread, forgotten)] == [True, True, False]
    assert trim(tmp_path, 41) == 2


def test_a_trim_leaves_room_for_what_comes_next(tmp_path: Path) -> None:
    for number in range(20):
        program(tmp_path, f"{number}-cache", 10, used=float(number))
    assert trim(tmp_path, 199) == 3
    assert holdings(tmp_path).size == 170
    assert not (tmp_path / "2-cache").exists()
    assert (tmp_path / "3-cache").exists()


def test_there_may_be_no_cache_yet(tmp_path: Path) -> None:
    assert trim(tmp_path / "none", 1) == 0
    assert holdings(tmp_path / "none").entries == 0


def test_the_doctor_shows_how_full_the_cache_is(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    program(cache, "one-cache", 2_500_000, used=1.0)
    findings = training(Settings(compile_cache_dir=cache, compile_cache_max_bytes=10_000_000))
    (found,) = [finding for finding in findings if finding.name == "compile cache"]
    assert found.status == "ok"
    assert found.detail.endswith("1 files, 2.5 MB of at most 10.0 MB")
    assert holdings(cache).entries == 1  # it tried its hand elsewhere
