"""The side `timm`: its own efficientnet_b0 as its training script runs it, with autocast, channels_last and compiled.

On a CPU it is not compiled: that takes minutes there and nobody trains so.
"""

import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tests.benchmarks.rivals.channel import serve

held: dict[str, Any] = {}


def load(path: str, recipe: dict[str, Any], **_beside: Any) -> dict[str, Any]:
    """Images, labels and a state dictionary of a file, and how to train: SGD with momentum at a constant rate."""
    import timm  # here, where what it prints no longer gets among the answers

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    arrays = {name: torch.from_numpy(array) for name, array in np.load(path).items()}
    images, labels = arrays.pop("images").permute(0, 3, 1, 2), arrays.pop("labels").long()
    network = timm.create_model("efficientnet_b0", num_classes=len(arrays["classifier.bias"]))
    lost = network.load_state_dict(arrays, strict=False)
    if lost.unexpected_keys or any(not name.endswith("num_batches_tracked") for name in lost.missing_keys):
        raise ValueError(f"the weights are not those of timm's network: {lost}")
    network = network.to(device, memory_format=torch.channels_last).train()
    rate, momentum = recipe["learning_rate"], recipe["momentum"]
    held.update(
        device=device,
        images=images,
        labels=labels,
        forward=torch.compile(network) if device == "cuda" else network,
        optimizer=torch.optim.SGD(network.parameters(), rate, momentum, foreach=True),
    )
    return {"version": f"timm {timm.__version__}, torch {torch.__version__}"}


def epoch(rows: list[list[int]]) -> dict[str, float]:
    """Train on these batches, each on the device already; seconds, and the mean loss."""
    batches = [_batch(row) for row in rows]
    _wait()
    start = time.perf_counter()
    losses = [_step(images, labels) for images, labels in batches]
    _wait()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "loss": float(torch.stack(losses).mean())}


def _step(images: Any, labels: Any) -> Any:
    held["optimizer"].zero_grad(set_to_none=True)
    with torch.autocast(held["device"], torch.bfloat16):
        loss = functional.cross_entropy(held["forward"](images), labels)
    loss.backward()
    held["optimizer"].step()
    return loss.detach()


def _batch(row: list[int]) -> tuple[Any, Any]:
    images = held["images"][row].contiguous(memory_format=torch.channels_last)
    return images.to(held["device"]), held["labels"][row].to(held["device"])


def _wait() -> None:
    if held["device"] == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    serve({"load": load, "epoch": epoch})
