"""The drawn data set: what a network loses whose resolution, depth or width alone is cut."""

from collections.abc import Iterator

from models.baselines import get_baseline
from models.data.dataset import load
from models.fit import Training
from models.recipe import TrainingRecipe
from models.scaling import Multipliers
from tests.benchmarks.figures import Figure

BASELINE = "efficientnet-nano"
SEEDS = (0, 1)
RECIPE = TrainingRecipe(epochs=12)
WHOLE = Multipliers(1, 1, 1)
CUTS = {
    "half its resolution": Multipliers(1, 1, 0.5),
    "one block a stage": Multipliers(0.25, 1, 1),
    "a quarter of its width": Multipliers(1, 0.25, 1),
}


def figures() -> Iterator[Figure]:
    """Validation errors in percent, one value a seed; the same seeds and recipe for all."""
    whole = _errors(WHOLE)
    for name, cut in CUTS.items():
        goal = "above 1 x: the cut costs accuracy"
        yield Figure(f"validation error of {BASELINE} on shapes", "%", whole, f"with {name}", _errors(cut), goal)


def _errors(scale: Multipliers) -> list[float]:
    """Of the last epoch, by seed; half an image where there is none, so that ratios exist."""
    data = load("shapes")
    network = get_baseline(BASELINE).scale(scale, classes=data.classes)
    least = 0.5 / len(data.validation)
    errors = []
    for seed in SEEDS:
        accuracy = [report.validation_accuracy for report in Training(network, RECIPE, data, seed=seed)][-1]
        errors.append(100 * max(1 - accuracy, least))
    return errors
