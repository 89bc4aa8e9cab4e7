"""What a recipe's rules of size and length say for one network."""

from dataclasses import replace

from models.recipe.recipe import RateRule, TrainingRecipe
from models.scaling.architecture import ScaledArchitecture


def regularized(architecture: ScaledArchitecture, recipe: TrainingRecipe, macs_ratio: float) -> ScaledArchitecture:
    """The network with the rates that it is trained with. `macs_ratio`: its multiply-adds by the unscaled baseline's.

    What the recipe leaves open stays the network's own. Doing it twice changes nothing.
    """

    def rate_of(given: float | RateRule | None, own: float) -> float:
        if given is None:
            return own
        return given.rate(macs_ratio, recipe.epochs) if isinstance(given, RateRule) else given

    return replace(
        architecture,
        dropout=rate_of(recipe.dropout, architecture.dropout),
        drop_path=rate_of(recipe.drop_path, architecture.drop_path),
    )
