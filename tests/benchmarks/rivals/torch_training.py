"""Training in eager PyTorch: an ordinary loop body, TensorFlow's RMSprop by hand, since PyTorch's is another."""

import math
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from tests.benchmarks.rivals.torch_network import Network, state


class RMSprop(torch.optim.Optimizer):
    """TensorFlow's: the mean square starts at 1, epsilon is inside the root, the rate inside the momentum."""

    def __init__(self, groups, lr, momentum):
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            weights = group["params"]
            gradients = [weight.grad for weight in weights]
            if "squares" not in group:
                group["squares"] = [torch.ones_like(weight) for weight in weights]
                group["moves"] = [torch.zeros_like(weight) for weight in weights]
            if group["weight_decay"]:
                gradients = torch._foreach_add(gradients, weights, alpha=group["weight_decay"])
            torch._foreach_mul_(group["squares"], 0.9)
            torch._foreach_addcmul_(group["squares"], gradients, gradients, value=0.1)
            roots = torch._foreach_add(group["squares"], 1e-3)
            torch._foreach_sqrt_(roots)
            torch._foreach_mul_(group["moves"], group["momentum"])
            torch._foreach_addcdiv_(group["moves"], gradients, roots, value=group["lr"])
            torch._foreach_sub_(weights, group["moves"])


class Training:
    """One network and what trains it, from these arrays or from random weights."""

    def __init__(
        self, shape: Mapping[str, Any], recipe: Mapping[str, Any], steps_per_epoch: int, form: Any, start: Any = None
    ) -> None:
        torch.set_num_threads(os.cpu_count() or 1)
        self.recipe, self.steps, self.form, self.number = recipe, steps_per_epoch, form, 0
        self.network = Network(shape)
        if start is not None:
            lost = self.network.load_state_dict(state(start), strict=False)
            if lost.unexpected_keys or any(not name.endswith("num_batches_tracked") for name in lost.missing_keys):
                raise ValueError(f"the weights are not those of the network: {lost}")
        self.network.to(memory_format=form)
        self.optimizer = self._optimizer()
        self.average = None
        if recipe["ema_decay"]:
            self.average = Network(shape).to(memory_format=form).eval()
            self.average.load_state_dict(self.network.state_dict())

    def step(self, images: Any, labels: Any) -> Any:
        """One step; its loss, detached."""
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(self.network(images), labels, label_smoothing=self.recipe["label_smoothing"])
        loss.backward()
        self.optimizer.step()
        if self.average is not None:
            self._follow()
        self.number += 1
        return loss.detach()

    @torch.inference_mode()
    def evaluate(self, images: Any, labels: Any) -> tuple[float, int]:
        """(sum of losses, number of hits), of the average where there is one."""
        chosen = self.network.eval() if self.average is None else self.average
        logits = chosen(images)
        loss = functional.cross_entropy(logits, labels, reduction="sum")
        return float(loss), int((logits.argmax(1) == labels).sum())

    def _optimizer(self) -> torch.optim.Optimizer:
        recipe = self.recipe
        norms = {id(x) for m in self.network.modules() if isinstance(m, torch.nn.BatchNorm2d) for x in m.parameters()}
        weights = list(self.network.parameters())
        groups = [
            {"params": [x for x in weights if id(x) not in norms], "weight_decay": recipe["weight_decay"]},
            {"params": [x for x in weights if id(x) in norms], "weight_decay": 0.0},
        ]
        chosen = torch.optim.SGD if recipe["optimizer"] == "sgd" else RMSprop
        return chosen(groups, lr=recipe["learning_rate"], momentum=recipe["momentum"])

    def _rate(self) -> float:
        recipe, warmup = self.recipe, self.recipe["warmup_epochs"] * self.steps
        if recipe["schedule"] == "constant":
            return recipe["learning_rate"]
        ramp = (self.number + 1) / max(warmup, 1.0)
        along = min(max((self.number - warmup) / (recipe["epochs"] * self.steps - warmup), 0.0), 1.0)
        return recipe["learning_rate"] * (ramp if ramp < 1 else 0.5 * (1 + math.cos(math.pi * along)))

    @torch.no_grad()
    def _follow(self) -> None:
        """The average goes after weights and running statistics, ramped so that it forgets the initial ones."""
        share = 1 - min(self.recipe["ema_decay"], (1.0 + self.number) / (10.0 + self.number))
        ours = [x for x in self.average.state_dict().values() if x.is_floating_point()]
        theirs = [x for x in self.network.state_dict().values() if x.is_floating_point()]
        torch._foreach_lerp_(ours, theirs, share)
