"""Recipes: presets fill in, documents read back, rules are arithmetic, and what is impossible says why."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.errors import InvalidRecipe
from models.recipe.presets import PRESETS
from models.recipe.recipe import RateRule, TrainingRecipe
from models.recipe.regularization import regularized
from tests.models.small import SMALL

NAMES = [None, *PRESETS]


@pytest.mark.parametrize("preset", NAMES)
def test_a_recipe_that_is_written_out_reads_back_as_it_is(preset: str | None) -> None:
    recipe = TrainingRecipe.model_validate({"preset": preset})
    document = recipe.model_dump(mode="json")
    assert TrainingRecipe.model_validate(document) == recipe
    assert TrainingRecipe.model_validate_json(json.dumps(document)) == recipe


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_gives_what_is_not_given(preset: Any) -> None:
    named = TrainingRecipe.model_validate({"preset": preset, "learning_rate": 0.5, "epochs": 20})
    assert (named.learning_rate, named.epochs) == (0.5, 20)
    for name, value in PRESETS[preset].items():
        if name not in ("learning_rate", "epochs"):
            assert named.model_dump()[name] == value, name


def test_a_preset_warms_up_no_longer_than_it_trains() -> None:
    assert TrainingRecipe.model_validate({"preset": "paper", "epochs": 3}).warmup_epochs == 3
    with pytest.raises(ValidationError, match=r"warmup_epochs \(4\) must not exceed epochs \(3\)"):
        TrainingRecipe.model_validate({"preset": "paper", "epochs": 3, "warmup_epochs": 4.0})


def test_the_paper_is_the_paper() -> None:
    """arXiv 1905.11946, section 5, and the published code's main.py."""
    paper = TrainingRecipe.model_validate({"preset": "paper"})
    assert (paper.optimizer, paper.momentum, paper.learning_rate, paper.batch_size) == ("rmsprop", 0.9, 0.016, 256)
    assert (paper.schedule, paper.decay_rate, paper.decay_epochs) == ("exponential", 0.97, 2.4)
    assert (paper.epochs, paper.warmup_epochs) == (350, 5)
    assert (paper.weight_decay, paper.weight_decay_on, paper.label_smoothing) == (1e-5, "all-but-norm", 0.1)
    assert (paper.ema_decay, paper.bn_momentum) == (0.9999, 0.99)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"preset": "best"}, "'paper', 'proxy-short', 'fine-tune' or 'digits'"),
        ({"optimizer": "lion"}, "'rmsprop', 'sgd', 'adamw' or 'lamb'"),
        ({"epochs": 2, "warmup_epochs": 3.0}, r"warmup_epochs \(3\) must not exceed epochs \(2\)"),
        ({"epochs": 5, "patience": 5}, r"patience \(5\) must be less than epochs \(5\)"),
        ({"patience_delta": 0.1}, "without patience"),
        ({"frozen_norm": True, "recalibration_batches": 4}, "choose one"),
        ({"crop_area": [0.9, 0.1]}, "smallest share 0.9 must not exceed the largest 0.1"),
        ({"crop_area": [0.0, 1.0]}, "greater than 0"),
        ({"crop_area": [0.5]}, "at least 2 items"),
        ({"dropout": 1.0}, "at least 0 and below 1"),
        ({"dropout": "half"}, "at least 0 and below 1"),
        ({"dropout": {"base": 0.6}}, r"base \(0.6\) must not exceed max \(0.5\)"),
        ({"drop_path": {"rate": 0.6}}, "rate: Extra inputs"),
        ({"mixup": -1.0}, "greater than or equal to 0"),
        ({"learning_rate": float("nan")}, "finite"),
        ({"augmentation": True}, "Extra inputs"),
    ],
)
def test_what_cannot_be_says_why(document: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refusal:
        TrainingRecipe.model_validate(document)
    assert len(refusal.value.errors()) == 1  # one mistake, one error, at the field


def test_what_the_network_forbids_says_why() -> None:
    with pytest.raises(InvalidRecipe, match="at most the network's 2 stages, got 3"):
        TrainingRecipe(frozen_stages=3).check_suits(SMALL)
    with pytest.raises(InvalidRecipe, match="mixup blend classes"):
        TrainingRecipe(mixup=0.2).check_suits(replace(SMALL, classes=1))
    TrainingRecipe(frozen_stages=2, mixup=0.2).check_suits(SMALL)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    document=st.dictionaries(st.sampled_from([*TrainingRecipe.model_fields, "nonsense"]), json_values, max_size=4),
    preset=st.sampled_from(NAMES),
)
def test_any_document_is_a_recipe_or_refused_with_reasons(document: dict[str, Any], preset: str | None) -> None:
    try:
        recipe = TrainingRecipe.model_validate({"preset": preset, **document})
    except ValidationError as refusal:
        reasons = [part["msg"] for part in refusal.errors()]
        assert reasons
        assert all(reasons)
        return
    assert TrainingRecipe.model_validate(recipe.model_dump(mode="json")) == recipe


rules = st.builds(
    RateRule,
    base=st.floats(0, 0.5),
    per_doubling=st.floats(0, 0.2),
    max=st.floats(0.5, 0.9),
    full_epochs=st.floats(0, 400),
)


@given(rule=rules, ratio=st.floats(0.05, 500), epochs=st.integers(1, 400))
def test_a_rule_is_a_rate_that_grows_with_size_and_length(rule: RateRule, ratio: float, epochs: int) -> None:
    assert 0 <= rule.rate(ratio, epochs) <= rule.max
    assert rule.rate(ratio, epochs) <= rule.rate(2 * ratio, epochs) + 1e-6
    assert rule.rate(ratio, epochs) <= rule.rate(ratio, epochs + 1) + 1e-6


def test_the_rule_of_the_published_dropouts() -> None:
    """0.2 for B0 and 0.5 for B7, whose multiply-adds are 96 times B0's (arXiv 1905.11946, section 5)."""
    rule = RateRule(base=0.2, per_doubling=0.0456, max=0.5)
    assert rule.rate(1, 350) == 0.2
    assert rule.rate(96, 350) == pytest.approx(0.5, abs=0.01)


def test_regularization_is_settled_once() -> None:
    rule = {"base": 0.2, "per_doubling": 0.1, "max": 0.5, "full_epochs": 10.0}
    recipe = TrainingRecipe.model_validate({"epochs": 5, "dropout": rule, "drop_path": 0.3})
    settled = regularized(SMALL, recipe, 4.0)
    assert (settled.dropout, settled.drop_path) == (0.2, 0.3)
    assert settled.key == SMALL.key
    assert regularized(settled, recipe, 4.0) == settled
    assert regularized(SMALL, TrainingRecipe(), 4.0) == SMALL
