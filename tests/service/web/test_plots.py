"""Every figure is finite, is one that Plotly takes, and shows each trial as often as it says."""

import json
import math
from typing import Any

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.scaling.coefficients import Coefficients
from service.errors import NotFound
from service.web import comparisons, learning_curves, marks, palette, plots
from service.web.comparisons import DIMENSIONS
from service.web.learning_curves import KINDS
from tests.service.web.simulated import Document, finished, going

SEARCH = finished()
FAMILY = SEARCH.config()["family"]
STATES = ("queued", "running", "completed", "pruned", "infeasible", "failed", "quarantined", "cancelled", "cached")
coefficient = st.floats(1.0, 4.0)
fraction = st.floats(0.0, 1.0)


@st.composite
def trial(draw: st.DrawFn, number: int) -> Document:
    """A trial document; its accuracy may be missing or, against the contract, not a number."""
    low, middle, high = sorted((draw(fraction), draw(fraction), draw(fraction)))
    accuracy = draw(st.sampled_from((middle, middle, None, math.nan)))
    seeds = draw(st.integers(1, 5))
    return {
        "number": number,
        "state": draw(st.sampled_from(STATES)),
        "alpha": draw(coefficient),
        "beta": draw(coefficient),
        "gamma": draw(coefficient),
        "architecture": {"resolution": draw(st.integers(8, 600))},
        "cost": {
            "params": draw(st.integers(1, 10**9)),
            "macs": draw(st.integers(1, 10**12)),
            "macs_ratio": draw(st.floats(0.1, 100.0)),
        },
        "accuracy": accuracy,
        "accuracy_ci95": [low, high] if seeds > 1 and accuracy == middle else None,
        "seeds": seeds,
        "reference": number == 0,
    }


searches = st.integers(0, 12).flatmap(lambda count: st.tuples(*(trial(number) for number in range(count))))


def shown(figure: Document) -> list[int]:
    """The numbers of the trials that have a marker."""
    return [point[0] for trace in figure["data"] for point in trace.get("customdata", ())]


def measured(trials: tuple[Document, ...]) -> list[int]:
    return [each["number"] for each in trials if palette.finite(each["accuracy"]) is not None]


@given(searches)
def test_all_figures_of_any_trials_are_json_without_nan(trials: tuple[Document, ...]) -> None:
    for name in ("simplex", "pareto", "history", "parallel"):
        json.dumps(plots.figure(name, trials), allow_nan=False)


@given(searches)
def test_the_simplex_shows_every_trial_once(trials: tuple[Document, ...]) -> None:
    assert sorted(shown(plots.simplex(trials))) == [each["number"] for each in trials]


def test_pareto_has_a_panel_for_each_cost_that_is_an_objective_and_rings_the_front() -> None:
    trials = SEARCH.trials()
    numbers = [each["number"] for each in trials if each["accuracy"] is not None]
    front = {"objectives": ["accuracy", "activations", "macs", "latency_ms"], "trials": numbers[:3], "knee": numbers[1]}
    figure = plots.figure("pareto", trials, front=front)
    assert [figure["layout"][name]["domain"] for name in ("xaxis", "xaxis2", "xaxis3")] == [
        pytest.approx(ends, abs=1e-3) for ends in ([0, 0.293], [0.353, 0.647], [0.707, 1])
    ]
    rings = [trace for trace in figure["data"] if trace["name"] == "front of all objectives"]
    assert [len(trace["x"]) for trace in rings[:2]] == [3, 3]
    assert rings[0]["text"] == ["", "knee", ""]
    assert not any(trace["mode"] == "lines" for trace in figure["data"])  # no staircase tells of three costs
    alone = plots.figure("pareto", trials, front={**front, "objectives": ["accuracy", "activations"]})
    assert [trace["mode"] for trace in alone["data"]] == ["lines", "markers", "markers+text"]
    json.dumps(figure, allow_nan=False)


@given(searches)
def test_history_and_both_panels_of_pareto_show_every_measured_trial_once(trials: tuple[Document, ...]) -> None:
    assert sorted(shown(plots.history(trials))) == measured(trials)
    for panel in ("x", "x2"):
        traces = [trace for trace in plots.pareto(trials)["data"] if trace["xaxis"] == panel]
        assert sorted(shown({"data": traces})) == measured(trials)


@given(searches)
def test_no_trial_beats_one_of_the_front_on_both(trials: tuple[Document, ...]) -> None:
    front = plots.pareto(trials)["data"][0]
    done = [each for each in trials if each["number"] in measured(trials) and each["state"] in ("completed", "cached")]
    for macs, accuracy in zip(front["x"], front["y"], strict=True):
        assert not [
            each
            for each in done
            if each["cost"]["macs"] <= macs
            and each["accuracy"] >= accuracy
            and (each["cost"]["macs"], each["accuracy"]) != (macs, accuracy)
        ]


@given(searches)
def test_parallel_lines_stay_between_the_ends_of_their_axes(trials: tuple[Document, ...]) -> None:
    figure = comparisons.parallel(trials)
    assert len(figure["data"]) == len(measured(trials))
    assert all(0 <= y <= 1 for trace in figure["data"] for y in trace["y"])
    assert all(len(trace["y"]) == len(DIMENSIONS) for trace in figure["data"])


@given(st.builds(Coefficients, coefficient, coefficient, coefficient))
def test_shares_of_the_log_cost_add_up_to_one(coefficients: Coefficients) -> None:
    shares = plots.shares(coefficients)
    assert math.isclose(sum(shares), 1.0)
    assert all(0 <= share <= 1 for share in shares)


def test_doubling_by_one_dimension_alone_is_a_corner() -> None:
    assert plots.shares(Coefficients(1.0, 2**0.5, 1.0)) == (0.0, 1.0, 0.0)
    assert plots.shares(Coefficients(1.0, 1.0, 2**0.5)) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("name", plots.PLOTS)
@pytest.mark.parametrize("search", [SEARCH, going()], ids=["finished", "going"])
def test_plotly_itself_takes_every_figure(name: str, search: Any) -> None:
    figure = plots.figure(name, search.trials(), search.details, FAMILY)
    taken = go.Figure(figure)  # refuses a property or a value that it does not know
    assert len(taken.data) == len(figure["data"]) > 0


@pytest.mark.parametrize("name", plots.PLOTS)
def test_a_figure_of_nothing_is_empty_but_whole(name: str) -> None:
    figure = plots.figure(name, [], None, None)
    go.Figure(figure)
    assert shown(figure) == []


@pytest.mark.parametrize("name", plots.PLOTS)
def test_axes_are_named_and_nothing_needs_webgl_or_bold_type(name: str) -> None:
    figure = plots.figure(name, SEARCH.trials(), SEARCH.details, FAMILY)
    assert {trace["type"] for trace in figure["data"]} <= {"scatter", "scatterternary"}
    assert "<b>" not in json.dumps(figure)  # plotly sets it in a style attribute, which the page's policy forbids
    for key, axis in figure["layout"].items():
        if key[1:5] == "axis" and axis.get("visible", True) and "tickvals" not in axis:
            assert axis["title"]["text"]


def test_curves_draw_one_line_a_run_and_fade_the_pruned_ones() -> None:
    figure = learning_curves.curves(SEARCH.details)
    runs = [run for each in SEARCH.details for run in each["runs"]]
    assert len(figure["data"]) == len(runs)
    faded = [trace for trace in figure["data"] if trace["opacity"] == KINDS["pruned"][3]]
    assert len(faded) == sum(run["state"] in ("pruned", "failed") for run in runs) > 0
    assert all(trace["y"] and trace["x"][0] == 1 for trace in figure["data"])


def test_each_kind_of_curve_stands_in_the_legend_once() -> None:
    named = [trace["name"] for trace in learning_curves.curves(SEARCH.details)["data"] if trace["showlegend"]]
    assert len(named) == len(set(named)) == 4


def test_the_winner_is_the_best_mean_and_not_a_lucky_single_run() -> None:
    def stars(figure: Document) -> list[int]:
        return [
            point[0]
            for trace in figure["data"]
            if "customdata" in trace
            for point, symbol in zip(trace["customdata"], trace["marker"]["symbol"], strict=True)
            if symbol == "star"
        ]

    lucky = max(SEARCH.board(), key=lambda each: float(each["accuracy"]))
    assert lucky["seeds"] == 1
    assert stars(plots.history(SEARCH.trials())) == [SEARCH.board()[0]["number"]]


def test_the_family_stands_in_phi_order_from_the_baseline_itself() -> None:
    real = comparisons.family(FAMILY)["data"][1]
    assert real["text"] == [f"B{phi}" for phi in range(8)]
    assert real["x"][0] == real["y"][0] == 1.0
    assert real["y"] == sorted(real["y"])


def test_what_a_user_named_is_escaped_in_hover_texts() -> None:
    rows = [{**FAMILY[0], "name": "<img src=x>"}]
    assert "<img" not in comparisons.family(rows)["data"][1]["hovertext"][0]


def test_an_unknown_plot_is_told_which_there_are() -> None:
    with pytest.raises(NotFound, match=r"no plot 'pie'.*simplex, pareto, curves"):
        plots.figure("pie", [])


@given(values=st.lists(st.integers(0, 100_000), max_size=30))
def test_ticks_of_whole_numbers_are_whole_and_stand_once(values: list[int]) -> None:
    found = palette.whole_axis("Trial (number)", values)
    low, high = found["range"]
    assert found["dtick"] == int(found["dtick"]) >= 1
    assert (high - low) / found["dtick"] <= palette.MOST_TICKS + 2
    assert all(low < value < high for value in values)


@given(trials=searches)
def test_the_axis_of_accuracies_holds_every_point_and_whisker(trials: tuple[Document, ...]) -> None:
    found = marks.measured(trials)
    low, high = palette.accuracy_axis(found)["range"]
    for each in found:
        for end in (each["accuracy"], *(each["accuracy_ci95"] or ())):
            assert low < end < high


def test_a_single_point_gets_a_narrow_range() -> None:
    low, high = palette.accuracy_axis([{"accuracy": 0.97}])["range"]
    assert (round(low, 4), round(high, 4)) == (0.96, 0.98)
    assert palette.cost_range([2e6]) == {"range": [1.8e6, 2.2e6]}
    assert palette.cost_range([1e6, 2e6]) == {}


def test_pruned_trials_do_not_stretch_the_scale_of_colours() -> None:
    def each(number: int, state: str, accuracy: float) -> Document:
        first = next(trial for trial in SEARCH.trials() if trial["accuracy"] is not None)
        return {**first, "number": number, "state": state, "accuracy": accuracy, "accuracy_ci95": None, "seeds": 1}

    trials = [each(0, "completed", 0.96), each(1, "completed", 0.98), each(2, "pruned", 0.2)]
    marker = plots.history(trials)["data"][1]["marker"]
    assert (marker["cmin"], marker["cmax"]) == (0.96, 0.98)
    colours = [trace["line"]["color"] for trace in comparisons.parallel(trials)["data"]]
    assert colours == [palette.shade(value, 0.96, 0.98) for value in (0.2, 0.96, 0.98)]
