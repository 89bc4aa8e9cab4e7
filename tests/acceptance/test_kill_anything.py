"""Kill -9 whatever runs, whenever: nothing is lost, nothing is doubled, and the results are the same to the bit."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.stack import Document, measured, stack

pytestmark = pytest.mark.timeout(900)  # each waits for a whole search, the first for two

SPEC: Document = {
    "name": "kill-anything",
    "dataset": "digits",
    "baseline": "efficientnet-nano",
    "trials": 2,
    "finalists": {"count": 1, "seeds": 2},
    "controls": ["baseline"],
    "pruner": {"name": "none"},
    "recipe": {"epochs": 5},
    "seed": 7,
}


@pytest.fixture(scope="module")
def compile_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled programs, shared by all stacks of this file: compiling is not what is tested here."""
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, compile_cache: Path) -> str:
    """What the search finds when nobody disturbs it."""
    with stack(tmp_path_factory.mktemp("undisturbed"), compile_cache=compile_cache) as calm:
        search_id = calm.submit(SPEC)
        calm.start_worker()
        assert calm.finished(search_id)["state"] == "succeeded", calm.logs()
        return measured(calm.details(search_id))


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_killing_worker_api_and_everything_changes_nothing(
    engine: str, tmp_path: Path, compile_cache: Path, undisturbed: str, request: pytest.FixtureRequest
) -> None:
    database_url = None
    if engine == "postgresql":
        new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
        database_url = new_postgres()
    with stack(tmp_path, compile_cache=compile_cache, database_url=database_url) as disturbed:
        search_id = disturbed.submit(SPEC)
        disturbed.start_worker()
        disturbed.until(search_id, _epoch(0, 2), "trial 0 reports epoch 2")
        disturbed.kill("w")  # in the middle of an epoch, with its trainer
        disturbed.start_worker("w2")
        disturbed.until(search_id, _epoch(0, 4), "another worker goes on with trial 0")
        disturbed.kill("api")
        disturbed.start_api()
        disturbed.until(search_id, _epoch(1, 2), "trial 1 reports epoch 2")
        disturbed.kill("w2")
        disturbed.kill("api")
        disturbed.start_api()
        disturbed.start_worker("w3")
        assert disturbed.finished(search_id)["state"] == "succeeded", disturbed.logs()
        trials = disturbed.details(search_id)
        resumed = "resumes after epoch" in disturbed.logs()
    assert measured(trials) == undisturbed
    assert len({trial["architecture"]["key"] for trial in trials}) == len(trials) == 3  # the baseline as a control, too
    # at least one attempt died with its worker; on a slow machine the restarts of the API may cost a lease more
    assert [len(run["attempts"]) >= 2 for run in trials[0]["runs"] if run["role"] == "search"] == [True]
    assert resumed


def test_a_worker_that_is_told_to_stop_saves_its_work(tmp_path: Path, compile_cache: Path, undisturbed: str) -> None:
    with stack(tmp_path, compile_cache=compile_cache) as drained:
        search_id = drained.submit(SPEC)
        drained.start_worker()
        drained.until(search_id, _epoch(0, 2), "trial 0 reports epoch 2")
        assert drained.terminate("w") == 0
        trial = drained.get(f"/v1/searches/{search_id}/trials/0")
        assert trial["state"] == "queued"
        drained.start_worker("w2")
        assert drained.finished(search_id)["state"] == "succeeded", drained.logs()
        trials = drained.details(search_id)
    assert measured(trials) == undisturbed
    attempts = trials[0]["runs"][0]["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["drain", "completed"]


def _epoch(number: int, epoch: int) -> Callable[[Document], bool]:
    def reached(event: Document) -> bool:
        data = event["data"]
        return bool(event["type"] == "trial.epoch" and data["number"] == number and data["epoch"] >= epoch)

    return reached
