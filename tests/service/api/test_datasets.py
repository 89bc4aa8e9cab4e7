"""/v1/datasets, and searches on registered data: what was known at submission stays known."""

import io
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from models.data.problems import policies
from models.data.registration import RegistrationRequest, add, remove
from models.data.registry import DATASETS
from service.api.context import ServiceContext
from service.library.datasets import datasets_dir
from tests.models.data.conftest import put
from tests.service.api.conftest import headers
from tests.service.api.problem import assert_problem
from tests.service.fleet import Fleet

BODY = {"dataset": "pets", "baseline": "efficientnet-nano", "trials": 2, "finalists": {"count": 0}}


@pytest.fixture
def pets(tmp_path: Path, context: ServiceContext) -> Path:
    """A registered data set of three classes; its directory."""
    for label in range(3):
        for i in range(10):
            put(tmp_path / "source" / f"class {label}" / f"{i}.png", 100 * label + i)
    directory = datasets_dir(context.settings.data_dir)
    add(directory, RegistrationRequest("pets", tmp_path / "source", policies()))
    return directory


def test_the_list_holds_built_in_and_registered_sets(client: TestClient, pets: Path) -> None:
    items = client.get("/v1/datasets").json()["items"]
    assert [item["name"] for item in items] == ["digits", "pets", "shapes"]
    assert items[0] == DATASETS["digits"].document()
    assert items[1]["registered"] is True


def test_one_data_set_in_full_with_its_pictures(client: TestClient, pets: Path) -> None:
    for name in ("pets", "digits", "shapes"):
        found = client.get(f"/v1/datasets/{name}").json()
        assert found["classes"] == len(found["class_names"]) == len(found["per_class"]["train"])
        assert [sum(found["per_class"][split]) for split in ("train", "validation", "test")] == [
            found[split] for split in ("train", "validation", "test")
        ]
        answer = client.get(f"/v1/datasets/{name}/thumbnails")
        assert answer.headers["Content-Type"] == "image/png"
        layout = found["thumbnails"]
        with Image.open(io.BytesIO(answer.content)) as sheet:
            assert sheet.size == (layout["columns"] * layout["px"], layout["rows"] * layout["px"])


@pytest.mark.parametrize("name", ["none", "..", "%2e%2e%2fpets", ".pets.lock", "a%00b", "ü", "x" * 500])
def test_a_name_that_is_none_is_not_found(client: TestClient, pets: Path, name: str) -> None:
    for address in (f"/v1/datasets/{name}", f"/v1/datasets/{name}/thumbnails"):
        assert client.get(address).status_code == 404, address


def test_a_damaged_manifest_is_a_problem_and_no_accident(client: TestClient, pets: Path) -> None:
    (pets / "pets" / "dataset.json").write_text("{")
    assert [item["name"] for item in client.get("/v1/datasets").json()["items"]] == ["digits", "shapes"]
    assert_problem(client.get("/v1/datasets/pets"), 422, "invalid-dataset")
    assert_problem(client.post("/v1/searches", json=BODY), 422, "invalid-body")


def test_a_search_on_registered_data(client: TestClient, context: ServiceContext, pets: Path) -> None:
    plan = client.post("/v1/plans", json=BODY).json()
    assert (plan["dataset"]["name"], plan["dataset"]["train"]) == ("pets", 18)
    made = client.post("/v1/searches", json=BODY)
    assert made.status_code == 201
    lease = Fleet(context).lease("w1")
    assert lease is not None
    remove(pets, "pets")
    shown = client.get(f"/v1/searches/{made.json()['id']}").json()
    assert shown["plan"]["dataset"]["content_hash"] == plan["dataset"]["content_hash"]
    trial = client.get(f"/v1/searches/{made.json()['id']}/trials/0").json()
    assert trial["architecture"]["classes"] == 3
    refused = assert_problem(client.post("/v1/searches", json=BODY), 422, "invalid-body")
    assert refused["errors"][0]["pointer"] == "/dataset"
    assert "there is no data set 'pets'" in refused["errors"][0]["message"]


def test_data_sets_want_a_key_where_others_can_reach_them(public: TestClient, public_context: ServiceContext) -> None:
    for address in ("/v1/datasets", "/v1/datasets/digits", "/v1/datasets/digits/thumbnails"):
        assert public.get(address).status_code == 401
        assert public.get(address, headers=headers(public_context, ["read"])).status_code == 200
