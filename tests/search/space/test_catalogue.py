import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.scaling.coefficients import Coefficients, Multipliers
from models.scaling.cost import cost
from search.errors import InvalidSpec, NoFeasibleNetwork, SpaceTooLarge
from search.space import catalogue
from search.spec.spec import SearchSpec
from tests.search.records import spec

B0 = spec(
    baseline="efficientnet-b0",
    target={"ratio": 2.0, "tolerance": 0.02},
    space={"alpha": [1, 2], "beta": [1, 1.5], "gamma": [1, 1.5], "resolution_multiple": 1},
)


@pytest.mark.parametrize(("classes", "feasible", "of_eight"), [(1000, 944, 143), (10, 954, 139)])
def test_the_space_of_b0_is_finite(classes: int, feasible: int, of_eight: int) -> None:
    space = catalogue.build(B0, classes)
    assert space.distinct == 99_666
    assert len(space.feasible) == feasible
    assert sum(candidate.resolution % 8 == 0 for candidate in space.feasible) == of_eight


def test_a_space_that_takes_minutes_to_count_is_refused_at_once() -> None:
    wide = spec(baseline="efficientnet-b0", space={"alpha": [1, 8], "beta": [1, 8], "gamma": [1, 1]})
    with pytest.raises(SpaceTooLarge, match="narrow alpha or beta"):
        catalogue.of(wide)


def test_a_catalogue_is_that_of_the_data_sets_classes() -> None:
    assert catalogue.of(B0) == catalogue.build(B0, B0.data.classes)


def test_what_does_not_shape_the_space_shares_its_catalogue() -> None:
    assert catalogue.of(spec(seed=3, trials=7)) is catalogue.of(spec(name="another"))


SPACES = st.fixed_dictionaries(
    {
        "alpha": st.tuples(st.just(1), st.floats(1, 2)).map(list),
        "beta": st.tuples(st.just(1), st.floats(1, 1.6)).map(list),
        "gamma": st.tuples(st.just(1), st.floats(1, 1.6)).map(list),
        "resolution_multiple": st.sampled_from((1, 4, 8)),
        "depth_rounding": st.sampled_from((None, "ceil", "round")),
    }
)
SPECS = st.builds(
    lambda baseline, phi, metric, ratio, tolerance, space: spec(
        baseline=baseline,
        phi=phi,
        target={"metric": metric, "ratio": ratio, "tolerance": tolerance},
        space=space,
    ),
    st.sampled_from(("efficientnet-nano", "efficientnetv2-nano", "resnet-nano", "resnet-18", "mobilenet-v1")),
    st.sampled_from((0.5, 1, 1.5, 2, 3)),
    st.sampled_from(("macs", "params", "activations", "product")),
    st.one_of(st.none(), st.floats(1, 6)),
    st.sampled_from((0.02, 0.1, 0.5)),
    SPACES,
)


@settings(max_examples=60)
@given(SPECS)
def test_members_are_feasible_distinct_and_realised_by_their_coefficients(search: SearchSpec) -> None:
    refused: InvalidSpec | None = None
    try:
        space = catalogue.of(search)
    except InvalidSpec as error:
        refused = error
    if refused is not None:
        assert isinstance(refused, NoFeasibleNetwork | SpaceTooLarge)
        assert refused.pointer.startswith(("/space", "/target"))
        return
    network, rounding = search.network, search.space.depth_rounding
    assert len({candidate.identity for candidate in space.feasible}) == len(space.feasible) <= space.distinct
    for candidate in space.feasible[:40]:
        assert abs(candidate.ratio - search.ratio) <= search.ratio * search.target.tolerance * (1 + 1e-9)
        assert candidate.resolution % search.space.resolution_multiple == 0
        scaled = network.scale(candidate.coefficients.multipliers(search.phi), classes=10, rounding=rounding)
        assert scaled == catalogue.architecture(search, candidate)
        assert cost(scaled) == candidate.cost
        for name in ("alpha", "beta", "gamma"):
            low, high = getattr(search.space, name)
            assert low <= getattr(candidate.coefficients, name) <= high
        position = space.position(candidate.identity)
        assert position is not None
        assert space.feasible[position] is candidate


@settings(max_examples=25)
@given(SPECS, st.integers(0, 10_000))
def test_the_ends_of_an_interval_give_the_same_network_and_the_next_floats_do_not(search: SearchSpec, at: int) -> None:
    try:
        space = catalogue.of(search)
    except InvalidSpec:
        return
    candidate = space.feasible[at % len(space.feasible)]
    key = catalogue.architecture(search, candidate).key

    def realised(name: str, value: float) -> str:
        c = candidate.coefficients
        values = {"alpha": c.alpha, "beta": c.beta, "gamma": c.gamma, name: value}
        multipliers = Coefficients(**values).multipliers(search.phi)
        return search.network.scale(multipliers, classes=10, rounding=search.space.depth_rounding).key

    for name, (low, high) in catalogue.intervals(search, candidate).items():
        assert low <= getattr(candidate.coefficients, name) <= high
        assert realised(name, low) == realised(name, high) == key
        assert realised(name, math.nextafter(high, math.inf)) != key
        assert low == 1 or realised(name, math.nextafter(low, 0)) != key


def test_the_baselines_cost_is_that_of_the_unscaled_network() -> None:
    search = spec(phi=2)
    unscaled = search.network.scale(Multipliers(1, 1, 1), classes=10)
    assert catalogue.of(search).baseline_cost == cost(unscaled)


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"target": {"ratio": 50.0}}, "/space", "the upper bounds stop it: alpha 2, beta 1.5, gamma 1.5"),
        ({"space": {"alpha": [1.9, 2.0], "beta": [1.4, 1.5]}}, "/space", "the lower bounds stop it: alpha 1.9"),
        ({"target": {"ratio": 2.1, "tolerance": 1e-6}}, "/target/tolerance", "the tolerance 1e-06"),
        (
            {"space": {"gamma": [1.05, 1.2]}},
            "/space/resolution_multiple",
            r"no multiple of 8 px lies within gamma \[1.05, 1.2\] times 32 px",
        ),
    ],
)
def test_what_stops_a_hopeless_spec_is_named(fields: dict[str, object], pointer: str, said: str) -> None:
    with pytest.raises(NoFeasibleNetwork, match=said) as caught:
        catalogue.of(spec(**fields))
    assert caught.value.pointer == pointer


def test_a_space_too_large_to_enumerate_is_refused_before_it_is() -> None:
    huge = {"alpha": [1, 60], "beta": [1, 60], "gamma": [1, 30], "resolution_multiple": 1}
    with pytest.raises(SpaceTooLarge, match="at most 1,000,000 are enumerated"):
        catalogue.of(spec(space=huge))
