"""A target in milliseconds: what a table of measured networks makes feasible, and nothing else."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.errors import ModelError
from models.scaling.coefficients import Coefficients
from models.scaling.cost import cost
from search.errors import CatalogueExhausted, NoFeasibleNetwork
from search.exports.config import export
from search.exports.verify import from_export
from search.planning.plan import plan
from search.proposals import study
from search.results.trial_records import TrialRecord
from search.space import catalogue
from search.space.catalogue import Identity
from search.spec.parts import SamplerName
from search.spec.spec import SearchSpec
from tests.search.exports.test_config import config
from tests.search.records import spec, trial

Row = dict[str, float]
SPACE = {"alpha": [1, 2], "beta": [1, 1.4], "gamma": [1, 1.5], "resolution_multiple": 4}
BASE_MS = 3.0
SEARCHING = Path(__file__).parents[3] / "docs" / "searching.md"


def row(alpha: float, beta: float, gamma: float, latency_ms: float) -> Row:
    return {"alpha": alpha, "beta": beta, "gamma": gamma, "latency_ms": latency_ms}


def aimed(table: Sequence[Row], phi: float = 1, trials: int = 5, **target: Any) -> SearchSpec:
    aim = {"metric": "latency_ms", "table": list(table), "baseline_ms": BASE_MS, "tolerance": 0.1, **target}
    return spec(target=aim, space=SPACE, phi=phi, trials=trials, finalists={"count": 2})


def measured() -> list[Row]:
    """Every network of the space that costs 1.4 to 2.6 times the baseline, in a time that is not its multiply-adds."""
    whole = catalogue.of(spec(target={"tolerance": 0.3}, space=SPACE)).feasible
    points = [(each.coefficients, 1 + 0.002 * (at * 37 % 100)) for at, each in enumerate(whole)]
    return [row(c.alpha, c.beta, c.gamma, BASE_MS * c.alpha * c.gamma * slower) for c, slower in points]


TABLE = measured()


Reach = tuple[set[tuple[int, ...]], set[tuple[int, ...]]]


def reach(search: SearchSpec) -> Reach:
    """The depth and width vectors of the space."""
    network, space, phi = search.network, search.space, search.phi
    depths = {found for _, found in catalogue.distinct_values(lambda a: network.depths_at(a**phi), *space.alpha)}
    return depths, {found for _, found in catalogue.distinct_values(lambda b: network.widths_at(b**phi), *space.beta)}


def realised(search: SearchSpec, each: Row, inside: Reach) -> Identity | None:
    """The network of a row, if the space has it."""
    network, space, phi = search.network, search.space, search.phi
    try:
        at = Coefficients(each["alpha"], each["beta"], each["gamma"]).multipliers(phi)
        scaled = network.scale(at, classes=10, rounding=space.depth_rounding)
    except ModelError:
        return None
    identity = scaled.depths, (scaled.stem, *scaled.widths, scaled.head), scaled.resolution
    low, high = (network.resolution * end**phi for end in space.gamma)
    reached = identity[0] in inside[0] and identity[1] in inside[1] and low <= identity[2] <= high + 1e-6
    return identity if reached and identity[2] % space.resolution_multiple == 0 else None


def by_hand(search: SearchSpec) -> tuple[dict[Identity, float], int]:
    """The medians of the networks that the target allows, and how many rows lie in the space."""
    found: dict[Identity, list[float]] = {}
    inside = reach(search)
    for each in search.target.table or []:
        if (identity := realised(search, each.model_dump(), inside)) is not None:
            found.setdefault(identity, []).append(each.latency_ms)
    used = sum(map(len, found.values()))
    wanted, slack = search.ratio * BASE_MS, search.ratio * BASE_MS * search.target.tolerance
    return {name: median(times) for name, times in found.items() if abs(median(times) - wanted) <= slack}, used


ROWS = st.lists(
    st.builds(
        row,
        st.sampled_from((1.0, 1.1, 1.35, 1.7, 2.0, 2.4, 64.0)),
        st.sampled_from((1.0, 1.07, 1.2, 1.4, 1.6)),
        st.sampled_from((1.0, 1.03, 1.125, 1.25, 1.5, 1.75)),
        st.floats(1, 30),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60)
@given(ROWS, st.sampled_from((0.5, 1, 2)), st.sampled_from((0.2, 0.6)))
def test_feasible_is_what_the_table_says_and_nothing_else(table: list[Row], phi: float, tolerance: float) -> None:
    search = aimed(table, phi, tolerance=tolerance)
    expected, used = by_hand(search)
    try:
        space = catalogue.build(search, 10)
    except NoFeasibleNetwork:
        assert expected == {}
        return
    assert {each.identity: each.ratio for each in space.feasible} == {
        name: time / BASE_MS for name, time in expected.items()
    }
    assert space.measured is not None
    assert (space.measured.rows, space.measured.used) == (len(table), used)
    for each in space.feasible:
        scaled = search.network.scale(each.coefficients.multipliers(phi), classes=10)
        assert scaled == catalogue.architecture(search, each)
        assert each.cost == cost(scaled)


def test_networks_stand_in_the_order_of_every_catalogue() -> None:
    whole = catalogue.of(spec(target={"tolerance": 0.3}, space=SPACE))
    places = [whole.positions[each.identity] for each in catalogue.of(aimed(TABLE[::-1])).feasible]
    assert places == sorted(places)
    assert len(places) > 10


def test_several_rows_of_a_network_count_as_their_median() -> None:
    """One slow measurement, such as a first call, rules nothing out."""
    times = [6.1, 5.9, 60.0]
    (found,) = catalogue.of(aimed([row(1.2, 1.1, 1.25, time) for time in times])).feasible
    assert found.ratio == 6.1 / BASE_MS
    with pytest.raises(NoFeasibleNetwork, match=r"the nearest takes 60 ms \(alpha"):
        catalogue.of(aimed([row(1.2, 1.1, 1.25, time) for time in (6.0, 60.0, 61.0)]))


def test_the_ratio_is_two_to_the_power_of_phi_by_default() -> None:
    assert aimed(TABLE, phi=2).document()["target"]["ratio"] == 4.0


@pytest.mark.parametrize("sampler", get_args(SamplerName))
def test_every_sampler_proposes_measured_networks_only(sampler: str) -> None:
    search = aimed(TABLE).model_copy(update={"sampler": spec(sampler={"name": sampler, "window": 2}).sampler})
    expected, _ = by_hand(search)
    space, records, found = catalogue.of(search), list[TrialRecord](), list[Identity]()
    for number in range(len(expected)):
        candidate = study.propose(search, space, records, number).candidate
        records.append(trial(number, accuracy=0.5 + number / 100, candidate=candidate))
        found.append(candidate.identity)
    assert set(found) == set(expected)
    assert len(set(found)) == len(found) > 10
    with pytest.raises(CatalogueExhausted):
        study.propose(search, space, records, len(records))


@pytest.mark.parametrize(
    ("target", "pointer", "said"),
    [
        ({"metric": "latency_ms", "baseline_ms": 3.0}, "table", "needs target.table: measured networks"),
        (
            {"metric": "latency_ms", "table": TABLE[:1]},
            "baseline_ms",
            "`effscale train BASELINE --dataset D --latency`",
        ),
        ({"table": TABLE[:1]}, "table", "for the metric 'latency_ms' alone, and the metric is 'macs'"),
        ({"metric": "params", "baseline_ms": 3.0}, "baseline_ms", "and the metric is 'params'"),
        ({"metric": "latency_ms", "table": [], "baseline_ms": 3.0}, "table", "at least 1 item"),
        ({"metric": "latency_ms", "table": TABLE[:1], "baseline_ms": 0.0}, "baseline_ms", "greater than"),
        ({"metric": "latency_ms", "table": [TABLE[0]] * 5001, "baseline_ms": 3.0}, "table", "at most 5000 items"),
    ],
)
def test_half_a_target_is_refused_where_it_is_wrong(target: dict[str, Any], pointer: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        spec(target=target)
    (error,) = caught.value.errors()
    assert error["loc"] == ("target", pointer)
    assert said in error["msg"]


@pytest.mark.parametrize("latency", [0.0, -1.0, float("inf"), None])
def test_what_is_no_latency_is_refused_at_its_row(latency: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        aimed([*TABLE[:2], {**TABLE[2], "latency_ms": latency}])
    assert caught.value.errors()[0]["loc"] == ("target", "table", 2, "latency_ms")


@pytest.mark.parametrize(
    ("target", "pointer", "said"),
    [
        ({"ratio": 50.0}, "/target/ratio", r"takes 150 ms, 50 times the baseline's 3 ms.*change the ratio"),
        ({"tolerance": 1e-9}, "/target/tolerance", r"takes 6 ms.*the nearest takes .* px\).*raise the tolerance"),
        ({"table": [row(2.4, 1, 1, 6), row(1, 1, 1.03, 6)]}, "/target/table", "none of the table's 2 rows"),
    ],
)
def test_what_stops_a_hopeless_target_is_named(target: dict[str, Any], pointer: str, said: str) -> None:
    with pytest.raises(NoFeasibleNetwork, match=said) as caught:
        catalogue.of(aimed(**{"table": TABLE, **target}))
    assert caught.value.pointer == pointer


def test_a_plan_tells_which_rows_were_of_use() -> None:
    search = aimed([*TABLE, *TABLE[:3], row(2.4, 1, 1, 6), row(1, 1, 1.03, 6)])
    space, found = catalogue.of(search), plan(search)
    assert found["latency_table"] == {"rows": len(TABLE) + 5, "used": len(TABLE) + 3, "networks": len(TABLE)}
    ratios = [each.ratio for each in space.feasible]
    assert found["cost"]["latency_ms"] == pytest.approx([min(ratios) * BASE_MS, max(ratios) * BASE_MS])
    macs = [each.cost.macs for each in space.feasible]
    assert found["cost"]["macs"] == [min(macs), max(macs)]
    said = {warning["code"]: warning["message"] for warning in found["warnings"]}
    assert said["latency-rows-unused"].startswith(f"2 of the {len(TABLE) + 5} rows of target.table are of no use")
    assert "latency-rows-unused" not in {warning["code"] for warning in plan(aimed(TABLE))["warnings"]}


def test_other_targets_have_no_table() -> None:
    found = plan(spec())
    assert found["latency_table"] is found["cost"]["latency_ms"] is None


def test_the_reference_says_what_the_table_has_against_the_paper() -> None:
    def note(table: Sequence[Row]) -> str:
        search = aimed(table, ratio=2.0)
        search = search.model_copy(update={"space": search.space.model_copy(update={"resolution_multiple": 1})})
        return study.propose(search, catalogue.of(search), [], 0).note

    other, paper = row(1.35, 1, 1.25, 6), (1.2, 1.1, 1.15)
    assert "not feasible here: the table does not have it" in note([other])
    assert "it takes 9 ms, 3 times the baseline's latency, not 2" in note([other, row(*paper, 9)])
    assert note([other, row(*paper, 6)]).startswith("the paper's coefficients")


def test_suggestions_count_measured_networks() -> None:
    search = aimed(TABLE, trials=1000, tolerance=0.02)
    found = plan(search)["suggestions"]
    assert found
    for each in found:
        _, part, name = each["pointer"].split("/")
        changed = getattr(search, part).model_copy(update={name: each["value"]})
        assert len(catalogue.of(search.model_copy(update={part: changed})).feasible) == each["feasible"]


def test_latency_may_be_an_objective_too() -> None:
    search = aimed(TABLE)
    search = SearchSpec.model_validate(
        {**search.document(), "objectives": ["accuracy", "latency_ms"], "measure_latency": "all"}
    )
    said = {warning["code"]: warning["message"] for warning in plan(search)["warnings"]}
    low, high = plan(search)["cost"]["latency_ms"]
    assert f"cost {low:,} to {high:,}" in said["objective-is-target"]


@pytest.mark.parametrize("phi", [2.0, 0.5])
def test_a_probe_is_priced_by_multiply_adds(phi: float) -> None:
    probed = SearchSpec.model_validate({**aimed(TABLE).document(), "transfer": {"phi": phi, "count": 2}})
    plain = plan(aimed(TABLE))["device_seconds"]["estimate"]
    assert plan(probed)["device_seconds"]["estimate"] > plain


def test_an_export_reads_back_and_its_family_follows_multiply_adds() -> None:
    search = aimed(TABLE)
    found = config(search, 3, ties=(4,))
    assert from_export(export(found)) == found
    winner = next(member for member in found["family"] if member["phi"] == 1)
    assert winner["resolution"] == found["winner"]["architecture"]["resolution"]
    following = next(member for member in found["family"] if member["phi"] == 2)
    assert following["macs_ratio"] == pytest.approx(winner["macs_ratio"] ** 2, rel=0.2)


def test_a_long_table_is_no_long_question() -> None:
    first, same = aimed(TABLE), aimed(json.loads(json.dumps(TABLE)))
    assert len(catalogue.question(first).text) < 1000
    assert catalogue.of(first) is catalogue.of(same)
    other = aimed([*TABLE[:-1], {**TABLE[-1], "latency_ms": 6.01}])
    assert catalogue.of(other) is not catalogue.of(first)
    assert catalogue.of(aimed(TABLE, baseline_ms=3.1)) is not catalogue.of(first)


def test_the_readmes_target_has_a_feasible_network() -> None:
    (text,) = re.findall(
        r"```json\n(\{(?:(?!```).)*?\"metric\": \"latency_ms\".*?)```", SEARCHING.read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(catalogue.of(SearchSpec.model_validate(json.loads(text))).feasible) == 1
