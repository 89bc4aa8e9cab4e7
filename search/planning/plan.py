"""What a search will be: counted and priced before a second of it is spent. Milliseconds, and no JAX."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from models.scaling.anatomy import SMALLEST_MAP
from models.scaling.cost import profile
from models.wording import counted, millions, percent
from search.planning.lifecycle import planned_probes, planned_runs
from search.planning.timing import BACKWARD, Timing, pace
from search.proposals import warm_start
from search.pruning import brackets
from search.results.leaderboard import coefficients_text
from search.results.racing import final_seeds
from search.space import catalogue as catalogues
from search.space.catalogue import Catalogue
from search.space.identifiability import findings
from search.space.reference import paper_candidate, reference
from search.space.suggestions import suggestions
from search.spec.parts import Start
from search.spec.spec import SearchSpec

LEFT_OVER = 0.05  # share of the initial statistics that may still be in an evaluation
FORWARD_SHARE = 1 / BACKWARD  # of compiling a training: the program that measures one image's time has no backward pass

Warning_ = dict[str, str]


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
        "cost": {
            "macs_ratio": _range(space, lambda cost: round(cost.macs / space.baseline_cost.macs, 6)),
            "macs": _range(space, lambda cost: cost.macs),
            "params": _range(space, lambda cost: cost.params),
            "activations": _range(space, lambda cost: cost.activations),
            "latency_ms": None if space.measured is None else _latency_range(spec, space),
        },
        "latency_table": None if space.measured is None else space.measured.document(),
        "programs": trials + _latency_programs(spec, trials),
        "runs": {"search": trials, "final": finals, "probe": probes},
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
    return min(spec.finalists.count, trials) if spec.measure_latency == "finalists" else 0


def _device_seconds(spec: SearchSpec, space: Catalogue, timings: Sequence[Timing]) -> dict[str, Any]:
    """The low figure lets the pruner and a race stop all they can, the others none; evaluations are left out."""
    trials, finals = planned_runs(spec, len(space.feasible))
    finals += _as_finals(spec, space, planned_probes(spec, len(space.feasible)))
    macs = sorted(candidate.cost.macs for candidate in space.feasible)
    picked = {"low": macs[0], "estimate": sum(macs) / len(macs), "high": macs[-1]}
    found = pace(timings, picked["estimate"])
    images, programs = spec.data.train, trials + FORWARD_SHARE * _latency_programs(spec, trials)
    epochs = dict.fromkeys(picked, (trials + finals) * spec.recipe.epochs)
    spared = min(spec.finalists.count, trials) * (len(final_seeds(spec)) - spec.finalists.seeds)
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


def _pruned_epochs(spec: SearchSpec, trials: int) -> int:
    """Epochs of the search runs when every rung lets pass its share; what median and curve stop is not foreseen."""
    if spec.pruner.name not in ("asha", "hyperband"):
        return trials * spec.recipe.epochs
    total = 0
    for bracket in range(brackets.brackets(spec)):
        alive, done = len(range(bracket, trials, brackets.brackets(spec))), 0
        for rung in brackets.rungs(spec, bracket):
            total += alive * (rung - done)
            alive, done = math.ceil(alive / spec.pruner.reduction_factor), rung
        total += alive * (spec.recipe.epochs - done)
    return total


def _warnings(spec: SearchSpec, space: Catalogue) -> Iterator[Warning_]:
    feasible = len(space.feasible)
    if feasible < spec.trials:
        yield _warning(
            "fewer-feasible-than-trials",
            f"{spec.trials:,} trials are asked for and {counted(feasible, 'network')} "
            f"{'is' if feasible == 1 else 'are'} feasible: the search ends after {feasible:,}; widen the ranges or "
            "target.tolerance, or lower resolution_multiple, for more",
        )
    if paper_candidate(spec, space) is None:
        nearest, note = reference(spec, space, space.feasible)
        yield _warning(
            "paper-not-feasible",
            f"trial 0 is {coefficients_text(nearest.coefficients)} ({nearest.resolution} px, "
            f"{nearest.ratio:.4g} times): {note}",
        )
    yield from _unused(spec, space)
    yield from _sampling(spec)
    yield from _geometry(spec, space)
    yield from _narrow(spec, space)
    yield from (_warning(*finding) for finding in findings(spec, space))
    if spec.finalists.count == 0:
        yield _warning(
            "single-seed",
            "finalists.count is 0: the winner will be the highest of single runs, which is biased upwards, "
            "and nothing can be said about ties",
        )
    if spec.start is not None:
        yield _inherited(spec.start)
    if spec.recipe.selection == "best":
        yield _warning(
            "best-epoch",
            "recipe.selection is `best`: each accuracy is the highest of several epochs, which is biased upwards, the "
            "more so the longer a training is",
        )
    yield from _statistics(spec)


def _unused(spec: SearchSpec, space: Catalogue) -> Iterator[Warning_]:
    found = space.measured
    if found is not None and found.used < found.rows:
        yield _warning(
            "latency-rows-unused",
            f"{found.rows - found.used:,} of the {counted(found.rows, 'row')} of target.table are of no use: their "
            f"networks are outside the space, or their resolution is no multiple of "
            f"{spec.space.resolution_multiple} px",
        )


def _sampling(spec: SearchSpec) -> Iterator[Warning_]:
    sampler, known = spec.sampler, len(spec.warm_start.trials)
    if sampler.learns and not known and spec.trials <= sampler.window:
        yield _warning(
            "sampler-learns-nothing",
            f"results count for proposals {counted(sampler.window, 'trial')} later (sampler.window), and there are "
            f"{spec.trials}: {sampler.name} will propose at random; lower the window",
        )
    if sampler.name in ("nsga2", "nsga3") and len(spec.objectives) == 1:
        yield _warning(
            "one-objective",
            f"{sampler.name} is for several objectives; with accuracy alone it is a plain genetic algorithm, and tpe "
            "or gp need fewer trials",
        )
    if known:
        yield _warning(
            "known-results",
            f"the sampler learns from {known:,} results that this search did not measure: where their data, recipe or "
            "baseline differ, it starts from a wrong belief. Their networks are not trained again unless enqueued",
        )


def _narrow(spec: SearchSpec, space: Catalogue) -> Iterator[Warning_]:
    """An objective that the target leaves next to no room."""
    for name in spec.objectives[1:]:
        if name != spec.target.metric:
            continue
        if name == "latency_ms":
            low, high = _latency_range(spec, space)
        else:
            low, high = _range(space, lambda cost, name=name: getattr(cost, name))  # type: ignore[misc]
        yield _warning(
            "objective-is-target",
            f"{name} is an objective and the target as well: the feasible networks cost {low:,} to {high:,}; widen "
            "target.tolerance to see what accuracy costs",
        )


def _inherited(start: Start) -> Warning_:
    grown = (
        "each network grows from it"
        if start.grow
        else "networks of other shapes than its own are infeasible, because start.grow is false"
    )
    return _warning(
        "inherited-weights",
        f"all trials start from the weights {start.weights!r}: {grown}. Inherited weights favour networks like their "
        "parent: what the search shows holds for this start, and not for training from random weights",
    )


def _geometry(spec: SearchSpec, space: Catalogue) -> Iterator[Warning_]:
    at = min(space.feasible, key=lambda candidate: candidate.resolution)
    last = math.isqrt(profile(catalogues.architecture(spec, at)).areas(at.resolution)[-1])
    if last < SMALLEST_MAP:
        yield _warning(
            "small-final-map",
            f"at {at.resolution} px the last feature map is {last}x{last}: kernels see mostly padding there; "
            "raise the resolution or take a baseline of smaller total stride",
        )
    starved = [candidate for candidate in space.feasible if candidate.cost.receptive_field < candidate.resolution]
    if starved:
        worst = min(starved, key=lambda candidate: candidate.cost.receptive_field / candidate.resolution)
        yield _warning(
            "receptive-field",
            f"{len(starved):,} of {len(space.feasible):,} feasible networks do not see their whole input: "
            f"the worst sees {worst.cost.receptive_field} of {worst.resolution} px",
        )


def _statistics(spec: SearchSpec) -> Iterator[Warning_]:
    recipe = spec.recipe
    kept = recipe.recalibration_batches or recipe.frozen_norm  # BatchNorm's are not those of the last steps
    steps = recipe.epochs * max(1, spec.data.train // recipe.batch_size)
    slow = [
        f"{name} {value:g} still keeps {percent(left, 0)} of the initial values"
        for name, value, left in (
            ("bn_momentum", recipe.bn_momentum, 0.0 if kept else recipe.bn_momentum**steps),
            ("ema_decay", recipe.ema_decay, ramped(recipe.ema_decay, steps)),
        )
        if left > LEFT_OVER
    ]
    if slow:
        yield _warning(
            "short-run-statistics",
            f"after the {steps:,} steps of a run {' and '.join(slow)}: what is evaluated is the initialisation; "
            "lower it or train longer",
        )


def ramped(decay: float, steps: int) -> float:
    """The share of the initial weights in an average that keeps min(decay, (1 + n) / (10 + n)) at step n.

    >>> ramped(0.9999, 0), round(ramped(0.9999, 10), 6)
    (1.0, 4.1e-05)
    """
    left = 1.0
    for step in range(steps):
        left *= min(decay, (1 + step) / (10 + step))
        if left < LEFT_OVER / 1000:
            break
    return left


def _warning(code: str, message: str) -> Warning_:
    return {"code": code, "message": message}
