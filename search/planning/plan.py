"""What a search will be: counted and priced before a second of it is spent. Milliseconds, and no JAX."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from models.recipe import length
from models.scaling.anatomy import SMALLEST_MAP
from models.scaling.cost import cost, profile
from models.wording import counted, millions
from search.planning import imbalance
from search.planning.lifecycle import planned_controls, planned_probes, planned_runs
from search.planning.notices import Notice, notice
from search.planning.sampling import sampling
from search.planning.timing import BACKWARD, Timing, pace
from search.proposals import warm_start
from search.pruning import brackets
from search.results.leaderboard import coefficients_text
from search.results.racing import final_seeds
from search.space import catalogue as catalogues
from search.space import controls
from search.space.catalogue import Catalogue
from search.space.identifiability import findings
from search.space.reference import paper_candidate, reference
from search.space.suggestions import suggestions
from search.spec import defaults
from search.spec.parts import Start
from search.spec.ranges import measured
from search.spec.spec import SearchSpec

FORWARD_SHARE = 1 / BACKWARD  # of compiling a training: the program that measures one image's time has no backward pass


def plan(spec: SearchSpec, timings: Sequence[Timing] = ()) -> dict[str, Any]:
    """The document of the contract, section 4. Raises `InvalidSpec` when there is nothing to search.

    `timings` are those of trainings that have finished on the machines that will train: with them the time is learned,
    without it is a guess.

    >>> found = plan(SearchSpec.model_validate({"dataset": "digits", "baseline": "efficientnet-nano"}))
    >>> found["catalogue"]
    {'distinct': 525, 'feasible': 27}
    """
    space = catalogues.of(spec)
    warm_start.check(spec, space)
    trials, finals = planned_runs(spec, len(space.feasible))
    probes = planned_probes(spec, len(space.feasible))
    return {
        "catalogue": {"distinct": space.distinct, "feasible": len(space.feasible)},
        "limits": [
            {"metric": limit.metric, "at_most": limit.at_most, "removes": removed, "of": space.met}
            for limit, removed in zip(spec.limits, space.removed, strict=True)
        ],
        "cost": {
            "macs_ratio": _range(space, lambda cost: round(cost.macs / space.baseline_cost.macs, 6)),
            "macs": _range(space, lambda cost: cost.macs),
            "params": _range(space, lambda cost: cost.params),
            "activations": _range(space, lambda cost: cost.activations),
            **{
                name: _range(space, lambda cost, name=name: measured(name, cost, spec.recipe.batch_size))  # type: ignore[misc]
                for name in ("weight_bytes", "memory_bytes")
            },
            "latency_ms": None if space.measured is None else _latency_range(spec, space),
        },
        "latency_table": None if space.measured is None else space.measured.document(),
        "programs": trials + _latency_programs(spec, trials),
        "runs": {"search": trials, "final": finals, "probe": probes, "control": planned_controls(spec)},
        "controls": [control.document() for control in controls.of(spec)],
        "trained_to_end": {"about": _completed(spec, trials), "at_least": min(spec.finalist_count, trials)},
        "dataset": spec.data.document(),
        "device_seconds": _device_seconds(spec, space, timings),
        "warnings": list(_warnings(spec, space)),
        "suggestions": [suggestion.document() for suggestion in suggestions(spec, space)],
    }


def _range(space: Catalogue, of: Callable[[Any], float]) -> list[float]:
    values = [of(candidate.cost) for candidate in space.feasible]
    return [min(values), max(values)]


def _latency_range(spec: SearchSpec, space: Catalogue) -> list[float]:
    """Milliseconds of the feasible networks, by the target's table."""
    ratios = [candidate.ratio for candidate in space.feasible]
    return [round(ratio * (spec.target.baseline_ms or 0.0), 6) for ratio in (min(ratios), max(ratios))]


def prepare(spec: SearchSpec) -> None:
    """Count what a plan will count, which may take seconds, so that it is at hand: before a database is locked."""
    suggestions(spec, catalogues.of(spec))


def _latency_programs(spec: SearchSpec, trials: int) -> int:
    """Programs that measure the time for one image. All trainings of a network share one, as they share the other."""
    if spec.measure_latency == "all":
        return trials
    return min(spec.finalist_count, trials) if spec.measure_latency == "finalists" else 0


def _device_seconds(spec: SearchSpec, space: Catalogue, timings: Sequence[Timing]) -> dict[str, Any]:
    """The low figure lets the pruner and a race stop all they can, the others none; evaluations are left out."""
    trials, finals = planned_runs(spec, len(space.feasible))
    finals += _as_finals(spec, space, planned_probes(spec, len(space.feasible))) + _controls_as_finals(spec, space)
    macs = sorted(candidate.cost.macs for candidate in space.feasible)
    picked = {"low": macs[0], "estimate": sum(macs) / len(macs), "high": macs[-1]}
    found = pace(timings, picked["estimate"])
    images, programs = spec.data.train, trials + FORWARD_SHARE * _latency_programs(spec, trials)
    epochs = dict.fromkeys(picked, (trials + finals) * spec.recipe.epochs)
    spared = min(spec.finalist_count, trials) * (len(final_seeds(spec)) - spec.finalists.seeds)
    epochs["low"] = _pruned_epochs(spec, trials) + (finals - spared) * spec.recipe.epochs
    seconds = {
        name: round(
            images * epochs[name] * picked[name] * BACKWARD / found.macs_per_second[name]
            + programs * found.compile_seconds[name],
            1,
        )
        for name in picked
    }
    basis = (
        f"{images:,} training images x {epochs['estimate']:,} epochs x {millions(picked['estimate'], 'multiply-adds')} "
        f"x {BACKWARD} / {found.speed}; and {found.compiling} to compile each of {trials:,} networks, whose finals "
        "share its program"
    )
    return {**seconds, "basis": basis, "measured": found.measured}


def _as_finals(spec: SearchSpec, space: Catalogue, probes: int) -> int:
    """As many final runs as the probe's cost: its networks follow the target's ratio to the power of phi.

    Of a latency that is the ratio of multiply-adds, which is what a family follows then.
    """
    if spec.transfer is None:
        return 0
    ratio = spec.ratio
    if space.measured is not None:
        total = sum(candidate.cost.macs for candidate in space.feasible)
        ratio = total / len(space.feasible) / space.baseline_cost.macs
    growth: float = ratio ** ((spec.transfer.phi - spec.phi) / spec.phi)
    return math.ceil(probes * growth)


def _controls_as_finals(spec: SearchSpec, space: Catalogue) -> int:
    """As many final runs as the controls cost, by their multiply-adds."""
    macs = [cost(control.network).macs for control in controls.of(spec) if control.network is not None]
    middle = sum(candidate.cost.macs for candidate in space.feasible) / len(space.feasible)
    return math.ceil(planned_controls(spec) / max(1, len(macs)) * sum(macs) / middle)


def _pruned_epochs(spec: SearchSpec, trials: int) -> int:
    """Epochs of the search runs when every rung lets pass its share; what median and curve stop is not foreseen."""
    if spec.pruner.name not in ("asha", "hyperband"):
        return trials * spec.recipe.epochs
    left = brackets.survivors(spec, trials)
    ends = [*list(left)[1:], spec.recipe.epochs]
    total = sum(alive * (end - begin) for (begin, alive), end in zip(left.items(), ends, strict=True))
    first, last = ends[0], spec.recipe.epochs
    return min(trials * last, total + (last - first) * max(0, _completed(spec, trials) - [*left.values()][-1]))


def _completed(spec: SearchSpec, trials: int) -> int:
    """About how many trials are trained to the end, those that go on after all for the finals included."""
    return max([*brackets.survivors(spec, trials).values()][-1], min(spec.finalist_count, trials))


def _warnings(spec: SearchSpec, space: Catalogue) -> Iterator[Notice]:
    feasible = len(space.feasible)
    if feasible < spec.trials:
        yield notice(
            "fewer-feasible-than-trials",
            f"{spec.trials:,} trials are asked for and {counted(feasible, 'network')} "
            f"{'is' if feasible == 1 else 'are'} feasible: the search ends after {feasible:,}; widen the ranges or "
            f"target.{spec.target.slack[0]}, or lower resolution_multiple, for more",
            remedy=("/trials", feasible) if feasible >= spec.finalist_count else None,
        )
    if paper_candidate(spec, space) is None:
        nearest, note = reference(spec, space, space.feasible)
        yield notice(
            "paper-not-feasible",
            f"trial 0 is {coefficients_text(nearest.coefficients)} ({nearest.resolution} px, "
            f"{nearest.ratio:.4g} times): {note}",
        )
    yield from _below_one(space)
    for code, message in imbalance.findings(spec):
        hides = code == "unequal-classes" and spec.metric == "accuracy"
        yield notice(code, message, "warning", ("/metric", "balanced_accuracy") if hides else None)
    yield from _unused(spec, space)
    yield from sampling(spec)
    yield from _pruning(spec, min(spec.trials, feasible))
    yield from _geometry(spec, space)
    yield from _narrow(spec, space)
    yield from (notice(*finding) for finding in findings(spec, space))
    if spec.finalist_count == 0:
        yield notice(
            "single-seed",
            "finalists.count is 0: the winner will be the highest of single runs, which is biased upwards, "
            "and nothing can be said about ties",
            "warning",
            ("/finalists/count", defaults.finalists(spec.trials)),
        )
    if spec.start is not None:
        yield _inherited(spec.start)
    if spec.recipe.selection == "best":
        yield notice(
            "best-epoch",
            "recipe.selection is `best`: each accuracy is the highest of several epochs, which is biased upwards, the "
            "more so the longer a training is",
            "warning",
            ("/recipe/selection", "last"),
        )
    yield from _length(spec)


def _below_one(space: Catalogue) -> Iterator[Notice]:
    shrinking = sum(not candidate.coefficients.at_least_one for candidate in space.feasible)
    if shrinking:
        yield notice(
            "coefficients-below-one",
            f"{shrinking:,} of the {counted(len(space.feasible), 'feasible network')} have a coefficient below 1: they "
            "shrink a dimension, which the paper's rule does not (arXiv 1905.11946, eq. 3)",
        )


def _unused(spec: SearchSpec, space: Catalogue) -> Iterator[Notice]:
    found = space.measured
    if found is not None and found.used < found.rows:
        yield notice(
            "latency-rows-unused",
            f"{found.rows - found.used:,} of the {counted(found.rows, 'row')} of target.table are of no use: their "
            f"networks are outside the space, or their resolution is no multiple of "
            f"{spec.space.resolution_multiple} px",
        )


def _narrow(spec: SearchSpec, space: Catalogue) -> Iterator[Notice]:
    """An objective that the target leaves next to no room."""
    for name in spec.objectives[1:]:
        if name != spec.target.metric:
            continue
        if name == "latency_ms":
            low, high = _latency_range(spec, space)
        else:
            low, high = _range(space, lambda cost, name=name: getattr(cost, name))  # type: ignore[misc]
        yield notice(
            "objective-is-target",
            f"{name} is an objective and the target as well: the feasible networks cost {low:,} to {high:,}; widen "
            f"target.{spec.target.slack[0]} to see what accuracy costs",
        )


def _inherited(start: Start) -> Notice:
    grown = (
        "each network grows from it, and one that has fewer blocks or channels anywhere is infeasible, because nothing "
        "is shrunk"
        if start.grow
        else "networks of other shapes than its own are infeasible, because start.grow is false"
    )
    return notice(
        "inherited-weights",
        f"all trials start from the weights {start.weights!r}: {grown}. Inherited weights favour networks like their "
        "parent: what the search shows holds for this start, and not for training from random weights",
    )


def _geometry(spec: SearchSpec, space: Catalogue) -> Iterator[Notice]:
    at = min(space.feasible, key=lambda candidate: candidate.resolution)
    last = math.isqrt(profile(catalogues.architecture(spec, at)).areas(at.resolution)[-1])
    if last < SMALLEST_MAP:
        yield notice(
            "small-final-map",
            f"at {at.resolution} px the last feature map is {last}x{last}: kernels see mostly padding there; "
            "raise the resolution or take a baseline of smaller total stride",
            "warning",
        )
    starved = [candidate for candidate in space.feasible if candidate.cost.receptive_field < candidate.resolution]
    if starved:
        worst = min(starved, key=lambda candidate: candidate.cost.receptive_field / candidate.resolution)
        yield notice(
            "receptive-field",
            f"{len(starved):,} of {len(space.feasible):,} feasible networks do not see their whole input: "
            f"the worst sees {worst.cost.receptive_field} of {worst.resolution} px",
        )


def _pruning(spec: SearchSpec, trials: int) -> Iterator[Notice]:
    """Whether trials that were stopped go on for the finals."""
    left = [*brackets.survivors(spec, trials).values()][-1]
    needed = min(spec.finalist_count, trials)
    if left < needed:
        yield notice(
            "pruner-leaves-few",
            f"{spec.pruner.name} lets about {left:,} of {counted(trials, 'trial')} train to the end, and "
            f"finalists.count is {spec.finalist_count}: about {needed - left:,} of those that it stops "
            f"{'goes' if needed - left == 1 else 'go'} on after all, the best first",
        )


def _length(spec: SearchSpec) -> Iterator[Notice]:
    for found in length.findings(spec.recipe, spec.data.train, inherited=spec.start is not None):
        yield notice(found.code, found.message, "warning", (f"/recipe/{found.field}", found.value))
