"""The benchmark for accelerators, as far as a machine without one can run it."""

import os
from pathlib import Path

import numpy as np
import pytest

from models.training.programs import places_of
from models.weights.torch_layouts import entries
from tests.benchmarks import gpu


def test_it_runs_at_a_tiny_size_and_the_losses_agree(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In bfloat16, from the same weights on the same batches: `agree` ends it otherwise."""
    monkeypatch.setenv("TORCH_PYTHON", "none")
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # it sets that itself, for good
    assert gpu.main(["--tiny", "training", "packing"]) == 0
    told = capsys.readouterr().out
    for part in (
        "one-block at 16 px training, bfloat16",
        "plain Flax, bfloat16 (flax ",
        "(fully fused)",
        "GB/s",
        "H3: ",
    ):
        assert part in told
    assert "Not measured: H1, timm" in told
    assert "**" not in told  # no goal is met or missed by a tiny network


def test_without_an_accelerator_the_full_size_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 1
    assert "there is no accelerator" in capsys.readouterr().err


def test_weights_for_timm_are_turned_back_into_the_same() -> None:
    network = gpu.large(gpu.Size(px=32)).network
    places, random = places_of(network), np.random.default_rng(0)
    for entry in entries(network, "timm"):
        ours = random.standard_normal(places.shapes[entry.ours], np.float32)
        theirs = gpu.there(entry, ours)
        assert theirs.shape == entry.there(ours.shape)
        assert np.array_equal(entry.here(theirs), ours)


def test_the_share_is_what_so_many_bytes_take_of_the_time() -> None:
    """Of an image of B0 at 224 px that took 0.05 ms."""
    size = gpu.Size(copied=2**12, rounds=1)
    for figure in gpu.bandwidth(gpu.large(gpu.Size()).network, [0.05], size):
        (share,) = figure.ratios
        rate = float(figure.versus.split(" at ")[1].split()[0]) * 1e9
        moved = 97e6 if "fully" in figure.name else 228e6
        assert share == pytest.approx(moved / rate / 0.05e-3, rel=0.01)  # the rate is told with three digits


def test_the_device_is_busy_while_a_kernel_runs_or_as_long_as_networks_train() -> None:
    ours = {"seconds": 100.0, "device_seconds": 60.0}
    sampled, trained = gpu.busy(ours, [1.0, 0.95, 0.96]), gpu.busy(ours, [])
    assert (sampled.ratios, sampled.met) == (pytest.approx([0.97]), True)
    assert (trained.ratios, trained.met) == ([0.6], False)
    assert "3 samples" in sampled.versus


def test_shares_of_time_are_read_from_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, program = tmp_path / "told", tmp_path / "nvidia-smi"
    os.mkfifo(told)
    program.write_text(f'#!/bin/sh\necho 100\necho "[N/A]"\necho 50\necho done >"{told}"\nexec sleep 60\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with gpu.sampled() as samples:
        assert told.read_text() == "done\n"
    assert samples == [1.0, 0.5]
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with gpu.sampled() as none:
        pass
    assert none == []
