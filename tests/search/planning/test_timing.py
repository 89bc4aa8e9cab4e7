import pytest

from search.planning.timing import COMPILE_SECONDS, MACS_PER_SECOND, Timing, pace


def timing(seconds: float, macs: int = 1_000_000, device: str = "cpu", compiled: float | None = 2.0) -> Timing:
    return Timing(device, macs, 10_000, seconds, compiled)


def test_too_few_trainings_are_a_guess() -> None:
    for timings in ([], [timing(1.0)] * 2, [timing(0.0)] * 9):
        found = pace(timings, 1e6)
        assert (found.macs_per_second, found.compile_seconds, found.measured) == (MACS_PER_SECOND, COMPILE_SECONDS, 0)


def test_the_middle_training_counts_and_a_stray_one_does_not() -> None:
    found = pace([timing(3.0)] * 19 + [timing(900.0)], 1e6)
    assert found.macs_per_second["estimate"] == pytest.approx(1e10)
    assert found.macs_per_second["low"] == pytest.approx(1.25e10)  # low seconds: more multiply-adds in each
    assert found.macs_per_second["high"] == pytest.approx(0.8e10)


def test_networks_of_about_the_size_are_asked_before_others() -> None:
    small, large = [timing(3.0)] * 5, [timing(3.0, macs=100_000_000, device="large", compiled=9.0)] * 3
    near = pace(small + large, 5e7)
    assert (near.measured, near.compile_seconds["estimate"]) == (3, 9.0)
    assert "3 on large" in near.speed
    far = pace(small, 5e9)
    assert far.measured == 5
    assert "networks of another size, 1 M" in far.speed


def test_compiling_is_learned_only_where_something_was_compiled() -> None:
    found = pace([timing(3.0, compiled=None)] * 5, 1e6)
    assert (found.measured, found.compile_seconds) == (5, COMPILE_SECONDS)
    assert "a guess" in found.compiling
