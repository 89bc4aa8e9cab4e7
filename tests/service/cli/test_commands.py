"""Every command's help, exit status and message, without a service."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from service.cli.app import COMMANDS
from tests.service.cli.conftest import SECONDS, Effscale, environment

NAMES = [command.__name__.rstrip("_") for command in COMMANDS]
HEAVY = {
    "jax",
    "flax",
    "optax",
    "optuna",
    "sqlalchemy",
    "fastapi",
    "uvicorn",
    "httpx",
    "pydantic",
    "numpy",
    "sklearn",
    "rich",
}
SPEC = {"dataset": "digits", "baseline": "efficientnet-nano"}
# A stage table whose network compiles in seconds
STAGE = {"kernel": 3, "repeats": 1, "expansion": 1, "se_ratio": 0.25}
SMALL = {
    "stem": 8,
    "head": 16,
    "resolution": 16,
    "stages": [{**STAGE, "stride": 1, "width": 8}, {**STAGE, "stride": 2, "width": 16}],
}
NOBODY = "http://127.0.0.1:9"  # the discard port; nothing listens there


def loaded_by(*arguments: str, folder: Path) -> set[str]:
    """Top-level packages that a command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "service.cli", *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in done.stderr.splitlines() if line.count("|") == 2}


def test_help_loads_nothing_heavy(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    started = time.perf_counter()
    assert loaded_by("--help", folder=tmp_path) & HEAVY == set()
    record_property("seconds", time.perf_counter() - started)


def test_scale_loads_neither_jax_nor_the_service_s_libraries(tmp_path: Path) -> None:
    loaded = loaded_by(
        "scale", "efficientnet-b0", "--depth", "1", "--width", "1", "--resolution", "224", folder=tmp_path
    )
    assert loaded & (HEAVY - {"rich", "pydantic"}) == set()  # typer reads numbers with pydantic


@pytest.mark.parametrize("name", [*NAMES, "datasets", "keys", "config"])
def test_every_command_has_help(effscale: Effscale, name: str) -> None:
    done = effscale(name, "--help")
    assert done.status == 0
    assert "Usage: effscale" in done.out


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("scale",), ("show",), ("demo", "--trials", "0"), ("keys", "make")]
)
def test_bad_usage(effscale: Effscale, arguments: tuple[str, ...]) -> None:
    done = effscale(*arguments)
    assert done.status == 2
    assert "Usage" in done.err


@pytest.mark.parametrize("name", ["list", "watch x", "cancel x"])
def test_an_absent_service_is_named_with_what_to_start(effscale: Effscale, name: str) -> None:
    done = effscale(*name.split(), "--server", NOBODY)
    assert done.status == 1
    assert NOBODY in done.err
    assert "effscale up" in done.err
    assert done.err.count("\n") == 1


def test_an_address_that_is_none(effscale: Effscale) -> None:
    done = effscale("list", "--server", "localhost:8000")
    assert done.status == 2
    assert "http://" in done.err


def test_a_setting_that_makes_no_sense_names_its_variable(effscale: Effscale) -> None:
    done = effscale("list", EFFSCALE_PORT="many")
    assert done.status == 2
    assert "EFFSCALE_PORT" in done.err


def test_a_plan_from_a_file_and_from_standard_input(effscale_process: Effscale, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(SPEC))
    from_file = effscale_process("plan", str(tmp_path / "spec.json"), "--json")
    from_stdin = effscale_process("plan", "-", "--json", stdin=json.dumps(SPEC))
    assert from_file.status == 0
    assert from_file.document == from_stdin.document
    assert from_file.document["catalogue"]["feasible"] >= 1


def test_a_plan_for_people_says_what_it_rests_on_and_what_would_give_more(effscale: Effscale) -> None:
    done = effscale("plan", "-", stdin=json.dumps(SPEC))
    assert "a guess for two CPU cores" in done.out
    assert "to have more to choose from: accept a tolerance of 0.1: 21 more networks" in done.err
    assert "gamma can be known no closer than 1 to 1.016" in done.err


def test_a_plan_says_what_would_help_and_writes_it_into_the_specification(effscale: Effscale) -> None:
    poor = {**SPEC, "trials": 12, "sampler": {"window": 12}, "finalists": {"count": 0}, "parallelism": 1}
    done = effscale("plan", "-", stdin=json.dumps(poor))
    assert "warning: results count for proposals 12 trials later" in done.err
    assert "Remedy: sampler.window 4 (--apply)" in done.err
    assert "note: trial 0 is alpha" in done.err
    better = effscale("plan", "-", "--apply", stdin=json.dumps(poor))
    assert better.status == 0
    assert json.loads(better.out) == {**poor, "sampler": {"window": 4}, "finalists": {"count": 3}}
    assert "note: finalists.count is now 3" in better.err
    assert "Remedy" not in effscale("plan", "-", stdin=better.out).err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"dataset": "digits",\n "baseline": }', "line 2, column 14"),
        ("", "line 1, column 1"),
        ("[]", "an object"),
        ('{"phi": NaN}', "NaN"),
        ("[" * 100_000, "nested"),
        ("{}", "/dataset"),
        (json.dumps({**SPEC, "phi": "1"}), "/phi"),
        (json.dumps({**SPEC, "extra/field~": 1}), "/extra~1field~0"),
        (json.dumps({**SPEC, "space": {"alpha": [0.0, 2]}}), "/space/alpha"),
        (json.dumps({**SPEC, "target": {"ratio": 90000}}), "upper bounds"),
        (json.dumps({**SPEC, "baseline": "resnet-1"}), "efficientnet-b0"),
    ],
)
def test_a_bad_specification_says_where(effscale: Effscale, text: str, said: str) -> None:
    done = effscale("plan", "-", stdin=text)
    assert done.status == 2
    assert said in done.err


def test_a_specification_that_cannot_be_read(effscale: Effscale, tmp_path: Path) -> None:
    assert "No such file" in effscale("plan", str(tmp_path / "none.json")).err
    assert effscale("plan", str(tmp_path)).status == 2


def test_data_sets(effscale: Effscale) -> None:
    names = [row["name"] for row in effscale("datasets", "list", "--json").document["items"]]
    assert "digits" in names
    assert effscale("datasets", "show", "digits", "--json").document["classes"] == 10
    assert effscale("datasets", "list").status == 0
    unknown = effscale("datasets", "show", "nothing")
    assert unknown.status == 2
    assert "digits" in unknown.err


def test_weights(effscale: Effscale, tmp_path: Path) -> None:
    save_file({"a": np.zeros((2, 3), np.float32)}, tmp_path / "some.safetensors")
    added = effscale("weights", "add", "parent", str(tmp_path / "some.safetensors"), "--json").document
    assert (added["name"], added["parameters"]) == ("parent", 6)
    assert effscale("weights", "list", "--json").document["items"] == [added]
    assert effscale("weights", "show", "parent", "--json").document == added
    assert "parent" in effscale("weights", "list").out
    (tmp_path / "some.pt").write_bytes(b"PK")
    for arguments, said in (
        (("add", "other", str(tmp_path / "some.pt")), "convert it to safetensors"),
        (("add", "a/b", str(tmp_path / "some.safetensors")), "is no name for weights"),
        (("show", "nothing"), "there are: parent"),
    ):
        done = effscale("weights", *arguments)
        assert done.status == 2
        assert said in done.err
    assert effscale("weights", "remove", "parent").status == 0
    assert effscale("weights", "list", "--json").document["items"] == []


def test_the_configuration_hides_secrets(effscale: Effscale) -> None:
    secrets = {"EFFSCALE_API_KEY": "effs_secret", "EFFSCALE_DATABASE_URL": "postgresql://me:hidden@db/x"}
    for arguments in (("config", "show", "--json"), ("config", "show")):
        done = effscale(*arguments, **secrets)
        assert done.status == 0
        assert "EFFSCALE_LEASE_SECONDS" in done.out
        assert "secret" not in done.out
        assert "hidden" not in done.out


def test_version(effscale: Effscale) -> None:
    found = effscale("version", "--json").document
    assert {"effscale", "jax", "python"} <= set(found)


def test_keys_are_made_listed_and_revoked(effscale: Effscale) -> None:
    made = effscale("keys", "create", "ci", "--scopes", "read,worker", "--days", "2", "--json").document
    assert made["key"].startswith("effs_")
    assert made["scopes"] == ["read", "worker"]
    listed = effscale("keys", "list", "--json")
    assert [row["id"] for row in listed.document["items"]] == [made["id"]]
    assert made["key"] not in listed.out
    assert effscale("keys", "revoke", made["id"], "--json").document["revoked_at"] is not None
    assert effscale("keys", "revoke", "k0").status == 2
    assert "submit" in effscale("keys", "create", "x", "--scopes", "everything").err


def test_migrate_answers_the_migration(effscale: Effscale) -> None:
    first = effscale("migrate", "--json")
    assert first.status == 0
    assert effscale("migrate", "--json").document == first.document


def test_train_refuses_nonsense_before_jax_is_woken(effscale: Effscale) -> None:
    for options in (
        ("--dataset", "none"),
        ("--dataset", "digits", "--alpha", "0"),
        ("--dataset", "digits", "--learning-rate", "nan"),
        ("--dataset", "digits", "--preset", "best"),
        ("--dataset", "digits", "--set", "mixup"),
        ("--dataset", "digits", "--set", "mixup=-1"),
        ("--dataset", "digits", "--set", "optimizer=lion"),
        ("--dataset", "digits", "--set", "frozen_stages=9"),
        ("--dataset", "digits", "--epochs", "3", "--set", "epochs=4"),
        ("--dataset", "digits", "--devices", "0"),
        ("--dataset", "digits", "--seeds", "17"),
        ("--dataset", "digits", "--seeds", "2", "--weights-out", "x"),
    ):
        done = effscale("train", "efficientnet-nano", *options)
        assert done.status == 2, done.err
        assert "Traceback" not in done.err


def test_weights_of_one_training_start_another(effscale: Effscale, tmp_path: Path) -> None:
    table, weights = tmp_path / "small.json", str(tmp_path / "small.safetensors")
    table.write_text(json.dumps({**SMALL, "extends": "efficientnet-nano"}))
    options = ("train", str(table), "--dataset", "digits", "--preset", "digits", "--epochs", "1", "--json")
    first = effscale(*options, "--weights-out", weights)
    assert first.status == 0, first.err
    assert first.document["recipe"]["policy"] == "trivial"
    assert "16 steps are too few for this recipe" in first.err
    assert "set recipe.epochs to at least 5" in first.err
    second = effscale(
        *options, "--start", weights, "--set", "learning_rate=1e-9", "--set", "ema_decay=0", "--test", "--latency"
    )
    assert second.status == 0, second.err
    assert "too few" not in second.err  # what is there need not be learnt
    result = second.document["result"]
    assert result["started_from"]["sha256"] == first.document["result"]["weights_sha256"]
    assert result["started_from"]["drawn"] == 0
    assert 0 <= result["test_accuracy"] <= 1
    assert first.document["result"]["latency_ms"] is None
    assert result["latency_ms"] > 0
    assert result["peak_memory_bytes"] > 0
    other = effscale("train", "efficientnet-nano", "--dataset", "digits", "--epochs", "1", "--start", weights)
    assert other.status == 2
    assert "safetensors" in other.err


def test_several_seeds_give_a_mean_and_an_interval(effscale: Effscale, tmp_path: Path) -> None:
    table = tmp_path / "small.json"
    table.write_text(json.dumps({**SMALL, "extends": "efficientnet-nano"}))
    options = ("train", str(table), "--dataset", "digits", "--epochs", "1", "--seed", "7", "--seeds", "2", "--test")
    found = effscale(*options, "--json").document
    runs = found["runs"]
    assert [run["seed"] for run in runs] == [7, 8]
    accuracies = [run["result"]["accuracy"] for run in runs]
    assert found["accuracy"] == pytest.approx(sum(accuracies) / 2)
    low, high = found["accuracy_ci95"]
    assert low <= min(accuracies) <= max(accuracies) <= high
    assert all(0 <= run["result"]["test_accuracy"] <= 1 for run in runs)
    assert [len(run["history"]) for run in runs] == [1, 1]
    shown = effscale(*options)
    assert shown.status == 0, shown.err
    assert "the mean of 2, 95 % from" in shown.out
    assert "one after the other" in shown.out


def test_the_reader_of_a_pipe_may_leave_early(tmp_path: Path) -> None:
    command = (
        f"{sys.executable} -m service.cli family efficientnet-b0 --alpha 1.2 --beta 1.1 --gamma 1.15 --json | head -n 1"
    )
    done = subprocess.run(
        command, shell=True, env=environment(tmp_path), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.stdout == "{\n"
    assert "rror" not in done.stderr
