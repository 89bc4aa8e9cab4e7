import pytest
from pydantic import ValidationError

from models.scaling.baselines import EFFICIENTNET_NANO
from search.spec.spec import SearchSpec
from tests.search.records import spec


def test_only_data_set_and_baseline_are_required() -> None:
    found = SearchSpec.model_validate({"dataset": "digits", "baseline": "efficientnet-nano"})
    assert (found.phi, found.trials, found.ratio, found.network) == (1, 24, 2, EFFICIENTNET_NANO)


def test_a_document_reads_back_with_every_default_written_out() -> None:
    found = spec(phi=2)
    document = found.document()
    aim = {"metric": "macs", "ratio": 4.0, "tolerance": 0.05}
    assert document["target"] == {
        **aim,
        "value": None,
        "at_most": None,
        "at_least_share": 0.8,
        "table": None,
        "baseline_ms": None,
    }
    again = SearchSpec.model_validate(document)
    assert again.document() == document
    assert again.network == found.network


def test_a_document_from_before_other_targets_and_limits_means_the_same() -> None:
    old = spec(target={"metric": "params", "ratio": 1.5}).document()
    del old["limits"]
    for name in ("value", "at_most", "at_least_share"):
        del old["target"][name]
    found = SearchSpec.model_validate(old)
    assert (found.ratio, found.limits, found.space.alpha) == (1.5, [], [1.0, 2.0])
    assert found.cost_range == pytest.approx((1.425, 1.575))
    assert found.document() == spec(target={"metric": "params", "ratio": 1.5}).document()


def test_a_stage_table_is_a_baseline() -> None:
    assert spec(baseline=EFFICIENTNET_NANO.document()).network == EFFICIENTNET_NANO


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dataset": "no-such-data"}, "there is no data set 'no-such-data'; there are: "),
        ({"baseline": "no-such-net"}, "there is no baseline 'no-such-net'; there are: "),
        ({"baseline": {"stages": []}}, "missing"),
        ({"space": {"alpha": [0.0, 2]}}, "coefficients are positive, at least 0.015625, got 0.0"),
        ({"phi": 0}, "phi must not be 0"),
        ({"phi": -7, "space": {"alpha": [0.5, 1]}}, r"space.alpha: 0.5 \*\* phi must not exceed 64, phi is -7"),
        ({"target": {"ratio": 2, "value": 1e6}}, "ratio and value are both given: say how much by one of"),
        ({"limits": [{"metric": "product", "at_most": 2}]}, "Input should be 'macs', 'params'"),
        ({"limits": [{"metric": "latency_ms", "at_most": 2}]}, "the metric 'latency_ms' needs a table"),
        ({"limits": [{"metric": "macs", "at_most": 2}, {"metric": "macs", "at_most": 3}]}, "one limit, got 'macs'"),
        ({"space": {"alpha": [2, 1]}}, "the lower bound 2.0 must not exceed the upper bound 1.0"),
        ({"space": {"alpha": [1, 2, 3]}}, "at most 2 items"),
        ({"space": {"gamma": [1, float("nan")]}}, "finite number"),
        ({"phi": 8, "space": {"alpha": [1, 2]}}, r"space.alpha: 2 \*\* phi must not exceed 64, phi is 8"),
        ({"trials": 2, "finalists": {"count": 3}}, r"finalists.count \(3\) must not exceed trials \(2\)"),
        ({"finalists": {"count": 1, "seeds": 1}}, "greater than or equal to 2"),
        ({"recipe": {"epochs": 2, "warmup_epochs": 3}}, r"warmup_epochs \(3\) must not exceed epochs \(2\)"),
        ({"objectives": ["accuracy", "latency"]}, "Input should be 'accuracy', 'macs', 'params'"),
        ({"objectives": ["macs"]}, "the first objective is 'accuracy', got 'macs'"),
        ({"objectives": ["accuracy", "macs", "macs"]}, "each objective is named once, got 'macs' more often"),
        ({"objectives": ["accuracy", "latency_ms"]}, "must be 'all' where latency_ms is an objective, got 'finalists'"),
        ({"reference": {"macs": 1.0}}, "macs is no objective of this search; those are accuracy"),
        ({"transfer": {}}, "transfer.phi"),
        ({"transfer": {"phi": 2, "count": 4}}, r"transfer.count \(4\) must not exceed finalists.count \(3\)"),
        ({"transfer": {"phi": 1}}, r"transfer.phi must be another than the searched phi \(1\)"),
        ({"transfer": {"phi": 7}}, r"space.alpha: 2 \*\* phi must not exceed 64, transfer.phi is 7"),
        ({"seed": 2**31}, "less than 2147483648"),
        ({"trials": True}, "valid integer"),
        ({"surprise": 1}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        spec(**fields)
