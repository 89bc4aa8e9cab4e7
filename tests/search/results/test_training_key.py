"""Equal keys for equal trainings, other keys for all that can change a number."""

from typing import Any

import pytest

from models.data.registry import DIGITS, DatasetInfo, Pinned
from search.results.training_key import effective, largest_px, stored_px, training_key
from search.spec.spec import SearchSpec
from tests.search.records import spec

NETWORK = {"network": "0123456789abcdef", "dropout": 0.2, "drop_path": 0.1, "seed": 0}


def key(owner: str = "ann", network: dict[str, Any] | None = None, **fields: Any) -> str | None:
    return training_key(spec(**fields), owner, **{**NETWORK, **(network or {})})  # type: ignore[arg-type]


def registered(**fields: Any) -> SearchSpec:
    """A search of registered images of 400 px that are stored at 48 px."""
    document = {**DIGITS.document(), "name": "pets", "registered": True, "native_px": 48, "source_px": 400}
    info = DatasetInfo.read(document)
    given = {"dataset": "pets", "baseline": "efficientnet-nano", "target": {"tolerance": 1.0}, **fields}
    return SearchSpec.model_validate(given, context={"datasets": Pinned(info)})


def test_what_only_chooses_and_judges_networks_is_no_part_of_it() -> None:
    assert key() == key(
        name="another",
        trials=3,
        finalists={"count": 1, "seeds": 2},
        target={"metric": "params", "ratio": 3.0, "tolerance": 0.5},
        space={"gamma": [1.0, 2.0]},
        sampler={"name": "random"},
        pruner={"name": "none"},
        measure_latency="all",
        max_device_seconds=1.0,
        parallelism=4,
        seed=7,  # the search's own; that of the run is given beside it
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"owner": "bob"},
        {"network": {"network": "f" * 16}},
        {"network": {"dropout": 0.21}},
        {"network": {"drop_path": 0.0}},
        {"network": {"seed": 1}},
        {"dataset": "shapes"},
        {"recipe": {"epochs": 9}},
        {"recipe": {"bn_statistics": "published"}},
        {"recipe": {"selection": "best"}},
        {"recipe": {"precision": "bf16"}},
        {"recipe": {"schedule": "exponential"}},
        {"start": {"weights": "w", "sha256": "a" * 64}},
    ],
)
def test_what_can_change_a_number_is_part_of_it(changed: dict[str, Any]) -> None:
    changed_key = key(**changed)
    assert changed_key is not None
    assert changed_key != key()


def test_a_start_is_its_bytes_and_how_they_are_read_not_its_name() -> None:
    start = {"weights": "w", "sha256": "a" * 64}
    assert key(start=start) == key(start={**start, "weights": "other-name"})
    assert (
        len({key(start=start | extra) for extra in ({}, {"grow": True}, {"layout": "timm"}, {"sha256": "b" * 64})}) == 4
    )


def test_a_preset_is_its_fields_and_settled_rates_stand_for_their_rules() -> None:
    preset = spec(recipe={"preset": "digits"}).recipe
    written_out = preset.model_dump(mode="json") | {"preset": None, "dropout": 0.5, "drop_path": {"base": 0.1}}
    assert key(recipe={"preset": "digits"}) == key(recipe=written_out)


def test_fields_that_a_recipe_does_not_heed_make_no_difference() -> None:
    assert key() == key(recipe={"decay_rate": 0.5, "decay_epochs": 1.0, "policy_magnitude": 0.1})
    stairs, policy = {"schedule": "exponential"}, {"policy": "trivial"}
    assert key(recipe=stairs) != key(recipe={**stairs, "decay_rate": 0.5})
    assert key(recipe=policy) != key(recipe={**policy, "policy_magnitude": 0.1})
    assert set(spec().recipe.model_dump()) - set(effective(spec().recipe)) == {
        *("preset", "dropout", "drop_path", "decay_rate", "decay_epochs", "policy_magnitude")
    }


def test_a_search_may_keep_to_itself_and_what_is_unknown_is_never_equal() -> None:
    unknown = Pinned(DatasetInfo.read({**DIGITS.document(), "content_hash": ""}))
    blind = SearchSpec.model_validate(
        {"dataset": "digits", "baseline": "efficientnet-nano"}, context={"datasets": unknown}
    )
    assert key(reuse=False) is None
    assert key(start={"weights": "w"}) is None
    assert training_key(blind, "ann", **NETWORK) is None  # type: ignore[arg-type]


def test_ranges_matter_only_where_they_want_another_cache_of_the_data() -> None:
    near, same, far = (registered(space={"gamma": [1.0, high]}, controls=False) for high in (1.2, 1.5, 3.0))
    assert largest_px(near) < largest_px(same) <= 48 < largest_px(far)
    assert [stored_px(each) for each in (near, same, far)] == [48, 48, 96]
    keys = [training_key(each, "ann", **NETWORK) for each in (near, same, far)]  # type: ignore[arg-type]
    assert keys[0] == keys[1] != keys[2]
    assert stored_px(spec()) == DIGITS.native_px
    assert training_key(near, "ann", **NETWORK, is_probe=True) is None  # type: ignore[arg-type]
    assert training_key(spec(), "ann", **NETWORK, is_probe=True) == key()  # type: ignore[arg-type]


def test_another_version_of_the_training_code_is_another_training(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    assert before == key()
    monkeypatch.setattr("models.compiler.source_digest.digest", lambda: "0" * 64)
    assert key() != before
