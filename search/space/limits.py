"""The further ceilings of a spec: which networks keep them, and what the nearest values are where none does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.wording import counted
from search.errors import NoFeasibleNetwork
from search.space import latency_table
from search.space.latency_table import Axes, Vector
from search.spec.ranges import measured
from search.spec.spec import SearchSpec
from search.spec.target import Limit

if TYPE_CHECKING:
    from search.space.catalogue import Candidate

Latencies = dict[tuple[Vector, Vector, int], float]


@dataclass(frozen=True, slots=True)
class Kept:
    """The networks that keep all limits, how many met the target, and how many of those each limit alone removes."""

    candidates: "tuple[Candidate, ...]"
    met: int
    removed: tuple[int, ...]


def kept(spec: SearchSpec, axes: Axes, candidates: "Sequence[Candidate]") -> Kept:
    """What the limits leave of networks that meet the target. Raises `NoFeasibleNetwork` where that is nothing."""
    if not (spec.limits and candidates):
        return Kept(tuple(candidates), len(candidates), (0,) * len(spec.limits))
    columns = [_column(spec, axes, limit, candidates) for limit in spec.limits]
    keeping = [
        [value is not None and value <= limit.at_most for value in column]
        for limit, column in zip(spec.limits, columns, strict=True)
    ]
    left = tuple(one for one, keeps in zip(candidates, zip(*keeping, strict=True), strict=True) if all(keeps))
    if not left:
        raise _nothing_left(spec, columns, keeping)
    return Kept(left, len(candidates), tuple(column.count(False) for column in keeping))


def _column(spec: SearchSpec, axes: Axes, limit: Limit, candidates: "Sequence[Candidate]") -> list[float | None]:
    """Of each network in the limit's unit; None where the limit's table does not have it."""
    if limit.metric != "latency_ms":
        return [measured(limit.metric, one.cost, spec.recipe.batch_size) for one in candidates]
    found: Latencies = {}
    for place, milliseconds in latency_table.read(spec, axes, limit.table).medians.items():
        (_, depths), (_, widths), (_, pixels) = axes.network_at(place)
        found[depths, widths, pixels] = milliseconds
    return [found.get(one.identity) for one in candidates]


def _nothing_left(
    spec: SearchSpec, columns: Sequence[Sequence[float | None]], keeping: Sequence[Sequence[bool]]
) -> NoFeasibleNetwork:
    """For each limit the least that a network costs: among all that meet the target, and with the others kept."""
    said = []
    for at, (limit, column) in enumerate(zip(spec.limits, columns, strict=True)):
        others = [keeps for place, keeps in enumerate(keeping) if place != at]
        every = [value for value in column if value is not None]
        with_others = [
            value
            for value, keeps in zip(column, zip(*others, strict=True) if others else ((),) * len(column), strict=True)
            if value is not None and all(keeps)
        ]
        if not every:
            said.append(f"{limit.metric}: no network that meets the target is in its table")
            continue
        text = f"{limit.metric} at most {_text(limit.at_most)}: the least is {_text(min(every))}"
        if others:
            text += f", with the other limits {_text(min(with_others))}" if with_others else ", none keeps the others"
        said.append(text)
    total = len(columns[0])
    alone = [at for at, column in enumerate(keeping) if not any(column)]
    pointer = f"/limits/{alone[0]}/at_most" if len(alone) == 1 or len(columns) == 1 else "/limits"
    networks = f"the {counted(total, 'network')} that meet{'s' if total == 1 else ''} the target"
    return NoFeasibleNetwork(
        f"none of {networks} keeps {'the limit' if len(columns) == 1 else 'all limits'}: {'; '.join(said)}", pointer
    )


def _text(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.6g}"
