"""The simple choices that a search is compared with: no scaling, one dimension alone, equal shares, the paper's.

Each is the network nearest to its ray (`search.space.rays`) whose real cost is what the search aims at. Equal shares
and single dimensions are the reference points of Dollár et al. 2021 (arXiv 2103.06877), section 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from models.errors import ModelError
from models.scaling.architecture import ScaledArchitecture
from models.scaling.coefficients import Coefficients
from models.scaling.cost import Cost, cost
from search.space import catalogue as catalogues
from search.space.catalogue import Catalogue, Identity, Question, question
from search.space.reference import reference
from search.spec.parts import CONTROLS, ControlName
from search.spec.spec import SearchSpec

if TYPE_CHECKING:
    from search.space.rays import RayPoint

UNSCALED = Coefficients(1.0, 1.0, 1.0)
RAYS: dict[ControlName, tuple[float, float, float]] = {  # shares of log cost of depth, width, resolution
    "depth": (1.0, 0.0, 0.0),
    "width": (0.0, 1.0, 0.0),
    "resolution": (0.0, 0.0, 1.0),
    "equal": (1 / 3, 1 / 3, 1 / 3),
}
# As the end of "cannot be told apart from …"
WORDS: dict[ControlName, str] = {
    "baseline": "the unscaled baseline",
    "depth": "making the network deeper alone",
    "width": "making it wider alone",
    "resolution": "making the images larger alone",
    "equal": "equal shares of all three",
    "paper": "the paper's coefficients",
}
WORDS_DOWN: dict[ControlName, str] = WORDS | {
    "depth": "making the network shallower alone",
    "width": "making it narrower alone",
    "resolution": "making the images smaller alone",
}
COUNTED = ("macs", "params", "activations")  # costs of a network as it is; other metrics are followed in MACs


@dataclass(frozen=True, slots=True)
class Control:
    """One simple choice: its network and its real cost over the baseline's, or why there is none.

    `within` says whether that cost lies within the target; steps of one dimension may be too coarse for it.
    """

    name: ControlName
    network: ScaledArchitecture | None
    coefficients: Coefficients | None
    ratio: float | None
    within: bool
    reason: str | None = None

    @property
    def identity(self) -> Identity | None:
        """What makes its network the same as that of a trial."""
        return None if self.network is None else identity_of(self.network)

    def document(self) -> dict[str, Any]:
        """As a plan shows it; JSON values only."""
        network = self.network
        return {
            "name": self.name,
            "architecture": None if network is None else network.document(),
            "macs": None if network is None else cost(network).macs,
            "ratio": None if self.ratio is None else round(self.ratio, 6),
            "within_target": self.within,
            "reason": self.reason,
        }


def identity_of(network: ScaledArchitecture) -> Identity:
    """Depths, widths with stem and head, and pixels."""
    return network.depths, (network.stem, *network.widths, network.head), network.resolution


def chosen(spec: SearchSpec) -> tuple[ControlName, ...]:
    """The names that a spec asks for, in the order of `CONTROLS`. Without finals there are no seeds to compare on."""
    if not spec.finalist_count or spec.controls is False:
        return ()
    return CONTROLS if spec.controls is True else tuple(name for name in CONTROLS if name in spec.controls)


def of(spec: SearchSpec) -> tuple[Control, ...]:
    """The controls that a spec asks for (kept for the last 64 specs)."""
    return _remembered(_Asked(chosen(spec), question(spec)))


def words(spec: SearchSpec, name: ControlName) -> str:
    """A control as the end of a sentence."""
    return (WORDS_DOWN if spec.ratio < 1 else WORDS)[name]


@dataclass(frozen=True, slots=True)
class _Asked:
    names: tuple[ControlName, ...]
    question: Question


@lru_cache(maxsize=64)
def _remembered(asked: _Asked) -> tuple[Control, ...]:
    spec = asked.question.spec
    if not asked.names:
        return ()
    space = catalogues.of(spec)
    return tuple(_control(spec, space, name) for name in asked.names)


def _control(spec: SearchSpec, space: Catalogue, name: ControlName) -> Control:
    if name == "baseline":
        network = spec.network.unscaled(spec.data.classes)
        return Control(name, network, UNSCALED, 1.0, within=True)
    if name == "paper":
        found, _note = reference(spec, space, space.feasible)
        network = catalogues.architecture(spec, found)
        return Control(name, network, found.coefficients, _ratio(spec, space, network), within=True)
    from search.space.rays import nearest_to_ray  # loads an array library: whoever only reads searches needs none

    metric, low, high = _aim(spec, space)
    try:
        point = nearest_to_ray(
            spec.network,
            RAYS[name],
            (low + high) / 2,
            tolerance=(high - low) / (high + low),
            metric=metric,
            classes=spec.data.classes,
            rounding=spec.space.depth_rounding,
            resolution_multiple=spec.space.resolution_multiple,
            phi=spec.phi,
        )
    except ModelError as error:
        return Control(name, None, None, None, within=False, reason=str(error))
    return _of_point(spec, space, name, point, metric)


def _of_point(spec: SearchSpec, space: Catalogue, name: ControlName, point: "RayPoint | None", metric: str) -> Control:
    if point is None:
        reason = f"{words(spec, name)} does not change {metric}, or no network of that shape can be built"
        return Control(name, None, None, None, within=False, reason=reason)
    if identity_of(point.network) == identity_of(spec.network.unscaled(spec.data.classes)) and "baseline" in chosen(
        spec
    ):
        reason = "at this cost it is the unscaled baseline"
        return Control(name, None, None, None, within=False, reason=reason)
    return Control(name, point.network, point.coefficients, _ratio(spec, space, point.network), within=point.within)


def _aim(spec: SearchSpec, space: Catalogue) -> tuple[str, float, float]:
    """The metric that controls follow, and the lowest and the highest cost over the baseline's.

    A nominal cost (`product`) is no real one, and of a latency only measured networks are known: there the MACs of the
    feasible networks are followed.
    """
    if spec.target.metric in COUNTED:
        return spec.target.metric, *spec.cost_range
    ratios = sorted(candidate.cost.macs / space.baseline_cost.macs for candidate in space.feasible)
    middle = ratios[len(ratios) // 2]
    low, high = spec.cost_range
    share = (high - low) / (high + low)
    return "macs", middle * (1 - share), middle * (1 + share)


def _ratio(spec: SearchSpec, space: Catalogue, network: ScaledArchitecture) -> float:
    metric = spec.target.metric if spec.target.metric in COUNTED else "macs"
    return cost_of(cost(network), metric) / cost_of(space.baseline_cost, metric)


def cost_of(found: Cost, metric: str) -> float:
    """One of the `COUNTED` costs."""
    return float(getattr(found, metric))


def largest_px(controls: Sequence[Control]) -> int:
    """Pixels of the largest input of these; 0 of none."""
    return max((control.network.resolution for control in controls if control.network is not None), default=0)
