"""The networks of the simple choices: one dimension, one cost."""

from typing import Any

import pytest

from models.scaling.cost import cost
from search.space import catalogue, controls
from tests.search.records import WIDE, spec

B0 = {"baseline": "efficientnet-b0", "target": {"ratio": 2.0, "tolerance": 0.05}, "controls": True}


def found(**fields: Any) -> dict[str, controls.Control]:
    return {str(control.name): control for control in controls.of(spec(**fields))}


@pytest.mark.parametrize("fields", [B0, {**WIDE, "controls": True}])
def test_one_dimension_alone_leaves_the_others_as_they_are(fields: dict[str, Any]) -> None:
    asked = spec(**fields)
    base = asked.network.unscaled(asked.data.classes)
    for name, control in found(**fields).items():
        assert control.network is not None, (name, control.reason)
        same = {
            "depth": control.network.depths == base.depths,
            "width": (control.network.stem, control.network.widths) == (base.stem, base.widths),
            "resolution": control.network.resolution == base.resolution,
        }
        if name == "baseline":
            assert control.network == base
        elif name in same:
            assert [axis for axis, is_same in same.items() if not is_same] == [name]


def test_the_ratio_is_the_real_cost() -> None:
    asked = spec(**B0)
    base = catalogue.of(asked).baseline_cost
    for control in controls.of(asked):
        assert control.network is not None
        real = cost(control.network).macs / base.macs
        assert control.ratio == pytest.approx(real)
        low, high = asked.cost_range
        if control.name != "baseline":
            assert control.within is (low <= real <= high)


def test_the_papers_coefficients_are_the_reference_trial() -> None:
    asked = spec(**WIDE, controls=True)
    paper = found(**WIDE, controls=True)["paper"]
    space = catalogue.of(asked)
    assert paper.identity in {candidate.identity for candidate in space.feasible}


def test_images_that_do_not_change_the_cost_are_said_so() -> None:
    control = found(controls=True, target={"metric": "params", "ratio": 1.6, "tolerance": 0.2})["resolution"]
    assert control.network is None
    assert control.reason is not None
    assert "does not change params" in control.reason


def test_a_control_as_a_document_has_json_values_alone() -> None:
    for control in found(**WIDE, controls=True).values():
        document = control.document()
        assert list(document) == ["name", "architecture", "macs", "ratio", "within_target", "reason"]
