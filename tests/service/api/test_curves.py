"""From reported epochs to the diagnosis that everybody sees, and both accuracies with it."""

import csv
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient

from models.data.registry import get_dataset
from service.api.responses.resources import TrialDetailOut
from tests.service.fleet import Fleet, Lease, result

METRICS = {"train_loss": 0.4, "validation_loss": 0.4, "seconds": 1.0, "images_per_second": 900.0}
CURVES = {
    "fits": [(0.95, 0.94), (0.97, 0.96), (0.98, 0.97)],
    "overfits": [(0.95, 0.80), (0.99, 0.82), (1.0, 0.81)],
    "underfits": [(0.3, 0.3), (0.5, 0.5), (0.6, 0.6)],
}


def report(client: TestClient, lease: Lease, epoch: int, train: float, validation: float) -> None:
    """One epoch over HTTP."""
    metrics = {**METRICS, "train_accuracy": train, "validation_accuracy": validation}
    body = {"lease_epoch": lease.epoch, "epoch": epoch, "metrics": metrics}
    assert client.post(f"/v1/leases/{lease.id}/reports", json=body).status_code == 200


def finish(client: TestClient, lease: Lease, outcome: str = "completed", **fields: Any) -> None:
    """The end of a run over HTTP."""
    document = None if outcome == "infeasible" else {**result(0.9).model_dump(), **fields}
    body = {"lease_epoch": lease.epoch, "outcome": outcome, "reason": fields.pop("reason", None), "result": document}
    answer = client.post(f"/v1/leases/{lease.id}/finish", json=body)
    assert answer.status_code == 200, answer.text


def train(client: TestClient, fleet: Fleet, label: str, **fields: Any) -> Lease:
    """A run whose curves have this label."""
    lease = fleet.must_lease(label)
    for epoch, (train_accuracy, validation) in enumerate(CURVES[label], 1):
        report(client, lease, epoch, train_accuracy, validation)
    finish(client, lease, **fields)
    return lease


@pytest.mark.parametrize("label", CURVES)
def test_the_curves_are_diagnosed_wherever_the_trial_is_shown(client: TestClient, fleet: Fleet, label: str) -> None:
    search = fleet.submit(trials=1)
    train(client, fleet, label)
    detail = client.get(f"/v1/searches/{search}/trials/0").json()
    TrialDetailOut.model_validate(detail)
    assert detail["diagnosis"] == detail["runs"][0]["diagnosis"]["label"] == label
    assert detail["diagnosis_rule"] == detail["runs"][0]["diagnosis"]["rule"]
    (row,) = client.get(f"/v1/searches/{search}/leaderboard").json()["items"]
    assert (row["diagnosis"], row["diagnosis_rule"]) == (label, detail["diagnosis_rule"])
    (line,) = csv.DictReader(io.StringIO(client.get(f"/v1/searches/{search}/export?format=csv").text))
    assert (line["diagnosis"], line["diagnosis_rule"]) == (label, detail["diagnosis_rule"])
    shown = client.get(f"/v1/searches/{search}").json()
    assert shown["diagnoses"] == {label: 1}
    assert shown["best"]["diagnosis"] == label


def test_a_run_that_diverged_is_diagnosed_without_a_result(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(trials=1)
    lease = fleet.must_lease()
    report(client, lease, 1, 0.2, 0.2)
    finish(client, lease, "infeasible", reason="diverged")
    detail = client.get(f"/v1/searches/{search}/trials/0").json()
    assert (detail["state"], detail["diagnosis"]) == ("infeasible", "diverged")
    assert detail["diagnosis_rule"] == "a loss or a weight was no longer finite after 1 epoch"


def test_a_pruned_run_says_how_far_it_came(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(trials=1, recipe={"epochs": 12})
    train(client, fleet, "underfits", outcome="pruned")
    detail = client.get(f"/v1/searches/{search}/trials/0").json()
    assert detail["diagnosis"] == "underfits"
    assert detail["diagnosis_rule"].endswith("(pruned after 3 of 12 epochs)")


def test_what_ran_out_of_memory_has_no_diagnosis(client: TestClient, fleet: Fleet) -> None:
    search = fleet.submit(trials=1)
    finish(client, fleet.must_lease(), "infeasible", reason="memory")
    assert client.get(f"/v1/searches/{search}/trials/0").json()["diagnosis"] is None


def test_the_last_and_the_best_epoch_are_both_stored_and_the_choice_is_declared(
    client: TestClient, fleet: Fleet
) -> None:
    search = fleet.submit(trials=1, recipe={"selection": "best", "patience": 2})
    both = {"accuracy": 0.96, "last_accuracy": 0.93, "best_accuracy": 0.96, "best_epoch": 2, "train_accuracy": 0.99}
    train(client, fleet, "fits", **both, epochs=3, stopped_early=True)
    detail = client.get(f"/v1/searches/{search}/trials/0").json()
    for shown in (detail, client.get(f"/v1/searches/{search}/leaderboard").json()["items"][0]):
        assert {name: shown[name] for name in both} == both
        assert (shown["selection"], shown["stopped_early"], shown["epochs"]) == ("best", True, 3)
        assert shown["generalization_gap"] == pytest.approx(0.06)
    assert (detail["runs"][0]["stopped_early"], detail["runs"][0]["best_epoch"]) == (True, 2)


def test_the_job_names_the_content_of_the_data_and_the_largest_size_it_is_needed_in(
    client: TestClient, fleet: Fleet
) -> None:
    fleet.submit(trials=1)
    ask = {"worker": "w", "process": "p", "devices": [], "versions": {}}
    lease = client.post("/v1/leases", json=ask).json()
    assert lease["job"]["dataset_hash"] == get_dataset("digits").content_hash
    assert lease["job"]["dataset_px"] >= lease["job"]["resolution"]
    search = client.get(f"/v1/searches/{lease['search_id']}").json()
    assert search["dataset_hash"] == lease["job"]["dataset_hash"]
    body = {"lease_epoch": lease["lease_epoch"], "reason": "dataset-differs", "message": "other images"}
    assert client.post(f"/v1/leases/{lease['id']}/release", json=body).json() == {"state": "queued"}


def test_rates_follow_the_recipe_s_rule_and_travel_in_the_job(client: TestClient, fleet: Fleet) -> None:
    rule = {"base": 0.1, "per_doubling": 0.1, "max": 0.15}
    search = fleet.submit(trials=2, recipe={"dropout": rule, "drop_path": 0.3})
    ask = {"worker": "w", "process": "p", "devices": [], "versions": {}}
    job = client.post("/v1/leases", json=ask).json()["job"]
    assert (job["dropout"], job["drop_path"]) == (0.15, 0.3)
    architecture = client.get(f"/v1/searches/{search}/trials/0").json()["architecture"]
    assert (architecture["dropout"], architecture["drop_path"]) == (0.15, 0.3)
