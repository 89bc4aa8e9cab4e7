"""What names a training: two of the same key end with the same numbers, so one of them is enough."""

import hashlib
import json
from typing import Any

from models.compiler import source_digest
from models.data.registry import cache_px
from models.recipe.recipe import TrainingRecipe
from search.space import catalogue, controls
from search.spec.spec import SearchSpec

NAMES = frozenset({"preset", "dropout", "drop_path"})  # a preset's fields and the settled rates stand for themselves


def training_key(
    spec: SearchSpec, owner: str, *, network: str, dropout: float, drop_path: float, seed: int, is_probe: bool = False
) -> str | None:
    """SHA-256 over all that decides the numbers of a training, in 64 hexadecimal digits.

    `network` is an architecture's key, which covers its resolution and its classes; the rates are those it is trained
    with, all rules settled. The owner is part of it: nobody is served the results of others. None when the training
    must be done here whatever there is: the spec says so, or the content of its data or of its weights is unknown, or
    the size that the data is stored at, which probes of registered data sets share among themselves alone.

    Not part of it are the budget, the sampler, the pruner, the ranges, and what is measured beside the training. The
    size that the data is stored at is: images are resized from it. It is the size of the cache, one of few, so that
    searches of different gamma ranges share most trainings.
    """
    start, data = spec.start, spec.data
    if not spec.reuse or not data.content_hash or (start is not None and start.sha256 is None):
        return None
    if is_probe and data.registered:
        return None
    document = {
        "code": source_digest.digest(),  # of `models`, in this process: another version may give other numbers
        "owner": owner,
        "network": network,
        "rates": [float(dropout), float(drop_path)],
        "recipe": effective(spec.recipe),
        "data": [data.content_hash, stored_px(spec)],
        "start": None if start is None else start.model_dump(mode="json", exclude={"weights"}),
        "seed": seed,
        "metric": spec.metric,  # by which the best epoch is chosen, and patience waits
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def stored_px(spec: SearchSpec) -> int:
    """Pixels of the images that the trainings of a search read: a registered data set has caches of several sizes."""
    if not spec.data.registered:
        return spec.data.native_px
    return cache_px(spec.data, largest_px(spec))


def largest_px(spec: SearchSpec) -> int:
    """Pixels of the largest input, of feasible networks and controls: what the data of a search is stored for."""
    largest = max(candidate.resolution for candidate in catalogue.of(spec).feasible)
    return max(largest, controls.largest_px(controls.of(spec)))


def effective(recipe: TrainingRecipe) -> dict[str, Any]:
    """The fields of a recipe that its trainings heed, as JSON."""
    unheeded = set(NAMES)
    if recipe.schedule != "exponential":
        unheeded |= {"decay_rate", "decay_epochs"}
    if recipe.policy == "none":
        unheeded |= {"policy_magnitude"}
    return recipe.model_dump(mode="json", exclude=unheeded)
