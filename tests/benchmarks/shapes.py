"""The drawn data set: what a network loses whose resolution, depth or width alone is cut."""

from collections.abc import Iterator, Sequence

from models.data.loading import load
from models.recipe.recipe import TrainingRecipe
from models.scaling.architecture import ScaledArchitecture
from models.scaling.baselines import from_table, get_baseline
from models.scaling.coefficients import Multipliers
from models.training.fit import Training
from tests.benchmarks.figures import Figure, Plan

BASELINE = "efficientnet-nano"
SEEDS = (0, 1)
RECIPE = TrainingRecipe(epochs=12)
WHOLE = get_baseline(BASELINE)
# Its depth is what its receptive field comes from: 119 px of 32, of the first stage alone 15. One block a stage see 31.
FIRST_STAGE = from_table({"extends": BASELINE, "stages": WHOLE.document()["stages"][:1]})
CUTS = {
    "half the resolution": WHOLE.scale(Multipliers(1, 1, 0.5), classes=8),
    "the first stage only": FIRST_STAGE.scale(Multipliers(1, 1, 1), classes=8),
    "one block a stage": WHOLE.scale(Multipliers(0.25, 1, 1), classes=8),
    "8 channels in each stage": WHOLE.scale(Multipliers(1, 0.1, 1), classes=8),
}


def figures(plan: Plan) -> Iterator[Figure]:
    """Validation errors in percent, one value a seed; the same seeds and recipe for all."""
    whole = errors(WHOLE.scale(Multipliers(1, 1, 1), classes=8), SEEDS)
    for name, cut in CUTS.items():
        least = None if name == "one block a stage" else 1
        yield Figure(
            f"validation error of {BASELINE} on shapes", "%", whole, f"with {name}", errors(cut, SEEDS), least=least
        )


def errors(network: ScaledArchitecture, seeds: Sequence[int]) -> list[float]:
    """Of the last epoch in percent, by seed; half an image where there is none, so that ratios exist."""
    data = load("shapes")
    least = 0.5 / len(data.validation)
    found = []
    for seed in seeds:
        accuracy = [report.validation_accuracy for report in Training(network, RECIPE, data, seed=seed)][-1]
        found.append(100 * max(1 - accuracy, least))
    return found
