"""What a table of measured latencies says of a space: which networks meet the target. Nothing is interpolated."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from models.errors import ModelError
from search.errors import NoFeasibleNetwork
from search.spec.spec import SearchSpec
from search.spec.target import MeasuredLatency

Vector = tuple[int, ...]
Place = tuple[int, int, int]  # on the three axes


class Axes(NamedTuple):
    """What the ranges of a space give, each with a coefficient that gives it. Resolutions are in pixels."""

    depths: Sequence[tuple[float, Vector]]
    widths: Sequence[tuple[float, Vector]]
    sizes: Sequence[tuple[float, int]]

    def network_at(self, place: Place) -> tuple[tuple[float, Vector], tuple[float, Vector], tuple[float, int]]:
        """A network: depths, widths and pixels with their coefficients."""
        return self.depths[place[0]], self.widths[place[1]], self.sizes[place[2]]


class Reading(NamedTuple):
    """The measured networks of a space, their milliseconds, and how many of the table's rows were of use for that."""

    medians: Mapping[Place, float]
    rows: int
    used: int

    def document(self) -> dict[str, int]:
        """As a plan tells it."""
        return {"rows": self.rows, "used": self.used, "networks": len(self.medians)}


def read(spec: SearchSpec, axes: Axes, table: Sequence[MeasuredLatency] | None = None) -> Reading:
    """Which networks of the space the rows give, by the integers at their coefficients; in the order of the axes.

    The rows are those of the target where no other table is given.
    """
    network, phi, rounding = spec.network, spec.phi, spec.space.depth_rounding
    rows = spec.target.table or [] if table is None else table
    alphas = _places({row.alpha for row in rows}, lambda a: network.depths_at(a**phi, rounding), axes.depths)
    betas = _places({row.beta for row in rows}, lambda b: network.widths_at(b**phi), axes.widths)
    gammas = _places({row.gamma for row in rows}, lambda g: network.resolution_at(g**phi), axes.sizes)
    found: dict[Place, list[float]] = {}
    for row in rows:
        if row.alpha in alphas and row.beta in betas and row.gamma in gammas:
            place = alphas[row.alpha], betas[row.beta], gammas[row.gamma]
            found.setdefault(place, []).append(row.latency_ms)
    used = sum(map(len, found.values()))
    return Reading({place: median(found[place]) for place in sorted(found)}, len(rows), used)


def feasible(spec: SearchSpec, axes: Axes, reading: Reading) -> list[Place]:
    """The measured networks that meet the target. Raises `NoFeasibleNetwork` where there are none."""
    if found := list(within(spec, reading)):
        return found
    space, wanted, base = spec.space, spec.ratio, spec.target.baseline_ms or 0.0
    if not reading.medians:
        raise NoFeasibleNetwork(
            f"none of the table's {reading.rows:,} rows gives a network of the space (alpha {space.alpha}, beta "
            f"{space.beta}, gamma {space.gamma}, multiples of {space.resolution_multiple} px) at phi {spec.phi:g}: "
            "measure networks of this space, or make it that of the table",
            "/target/table",
        )
    nearest = min(reading.medians, key=lambda place: abs(relative(spec, reading.medians[place]) - wanted))
    fastest, slowest = min(reading.medians.values()), max(reading.medians.values())
    between = fastest <= wanted * base <= slowest
    target, (slack, words) = spec.target, spec.target.slack
    loosened = "raise the tolerance" if slack == "tolerance" else f"lower {slack}"
    remedy = loosened if between else f"change the {target.aim}"
    raise NoFeasibleNetwork(
        f"none of the {len(reading.medians):,} measured networks of the space takes {wanted * base:.4g} ms, {wanted:g} "
        f"times the baseline's {base:g} ms, {words}; the nearest takes "
        f"{reading.medians[nearest]:.4g} ms ({_text(axes, nearest)}), and they take {fastest:.4g} to {slowest:.4g} "
        f"ms; {remedy}, or measure more networks: nothing is interpolated",
        f"/target/{slack if between else target.aim}",
    )


def within(spec: SearchSpec, reading: Reading) -> Iterator[Place]:
    """The measured networks whose latency is as near to the wanted one as the tolerance says."""
    low, high = spec.cost_range
    return (place for place, latency in reading.medians.items() if low <= relative(spec, latency) <= high)


def relative(spec: SearchSpec, latency_ms: float) -> float:
    """A latency over that of the unscaled baseline."""
    return latency_ms / (spec.target.baseline_ms or 1.0)  # which a latency target has


def why_not(spec: SearchSpec, depths: Vector, widths: Vector, pixels: int) -> str | None:
    """What the table has against a network, as the end of a sentence; None where it meets the target."""
    reading = read(spec, Axes([(1.0, depths)], [(1.0, widths)], [(1.0, pixels)]))
    if not reading.medians:
        return "the table does not have it"
    if list(within(spec, reading)):
        return None
    (latency,) = reading.medians.values()
    ratio = relative(spec, latency)
    return f"it takes {latency:.4g} ms, {ratio:.4g} times the baseline's latency, not {spec.ratio:g}"


def _places(
    coefficients: set[float], given: Callable[[float], Hashable], axis: Sequence[tuple[float, Hashable]]
) -> dict[float, int]:
    """Where on an axis each coefficient lies; those that lie nowhere are left out."""
    known = {value: at for at, (_, value) in enumerate(axis)}
    found = {}
    for coefficient in coefficients:
        try:
            value = given(coefficient)
        except ModelError:  # more than can be built
            continue
        if value in known:
            found[coefficient] = known[value]
    return found


def _text(axes: Axes, place: Place) -> str:
    (alpha, _), (beta, _), (gamma, pixels) = axes.network_at(place)
    return f"alpha {alpha:g}, beta {beta:g}, gamma {gamma:g}: {pixels} px"
