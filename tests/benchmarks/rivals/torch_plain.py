"""The side `PyTorch`: eager, channels_last or as PyTorch stores maps by default, on all cores."""

import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tests.benchmarks.rivals.channel import serve
from tests.benchmarks.rivals.torch_training import Training

held: dict[str, Any] = {}


def load(path: str, shape: dict[str, Any], recipe: dict[str, Any], steps: int, *, last: bool = True) -> dict[str, Any]:
    """Images, labels and weights of a file, with one description of the network and one of the training."""
    arrays = dict(np.load(path))
    form = torch.channels_last if last else torch.contiguous_format
    images = torch.from_numpy(arrays.pop("images")).permute(0, 3, 1, 2).contiguous(memory_format=form)
    held.update(images=images, labels=torch.from_numpy(arrays.pop("labels")).long(), resolution=shape["resolution"])
    held["training"] = Training(shape, recipe, steps, form, arrays)
    return {"version": f"torch {torch.__version__}"}


def epoch(rows: list[list[int]]) -> dict[str, float]:
    """Train on these batches, each made before the clock starts; seconds, and the mean loss."""
    training = held["training"]
    batches = [(_batch(row), held["labels"][row]) for row in rows]
    start = time.perf_counter()
    losses = [training.step(images, labels) for images, labels in batches]
    mean = float(torch.stack(losses).mean())
    return {"seconds": time.perf_counter() - start, "loss": mean}


def whole_epoch(rows: list[list[int]], evaluated: list[list[int]]) -> dict[str, float]:
    """Training and validation from stored pixels, resized batch by batch; seconds, losses and accuracy."""
    training = held["training"]
    start = time.perf_counter()
    losses = [training.step(_resized(row), held["labels"][row]) for row in rows]
    mean = float(torch.stack(losses).mean())
    sums = [training.evaluate(_resized(row), held["labels"][row]) for row in evaluated]
    seconds = time.perf_counter() - start
    images = sum(len(row) for row in evaluated)
    loss, hits = (sum(part) / images for part in zip(*sums, strict=True))
    return {"seconds": seconds, "loss": mean, "validation_loss": loss, "validation_accuracy": hits}


def _batch(row: list[int]) -> Any:
    return held["images"][row].contiguous(memory_format=held["training"].form)


def _resized(row: list[int]) -> Any:
    images = functional.interpolate(held["images"][row], size=held["resolution"], mode="bilinear", align_corners=False)
    return images.expand(-1, 3, -1, -1).contiguous(memory_format=held["training"].form)


if __name__ == "__main__":
    serve({"load": load, "epoch": epoch, "whole_epoch": whole_epoch})
