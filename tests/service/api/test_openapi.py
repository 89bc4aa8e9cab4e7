"""What the OpenAPI document says of errors and of answers that are no JSON."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

METHODS = ("get", "post", "put", "delete", "patch")


@pytest.fixture
def operations(client: TestClient) -> dict[str, dict[str, Any]]:
    """Every operation by its method and path."""
    paths = client.get("/openapi.json").json()["paths"]
    return {f"{method} {path}": item[method] for path, item in paths.items() for method in METHODS if method in item}


def test_errors_are_problem_documents(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        for status in ("4XX", "5XX"):
            content = operation["responses"][status]["content"]
            assert list(content) == ["application/problem+json"], name
            assert content["application/problem+json"]["schema"]["$ref"].endswith("/ProblemOut"), name


@pytest.mark.parametrize(
    ("operation", "kinds"),
    [
        ("get /metrics", {"text/plain"}),
        ("get /v1/leases/{lease_id}/checkpoints/{epoch}", {"application/octet-stream"}),
        ("get /v1/datasets/{name}/thumbnails", {"image/png"}),
        ("get /v1/searches/{search_id}/events", {"application/json", "text/event-stream"}),
        ("get /v1/searches/{search_id}/export", {"application/json", "application/yaml", "text/csv"}),
    ],
)
def test_answers_have_the_documented_media_type(
    operations: dict[str, dict[str, Any]], operation: str, kinds: set[str]
) -> None:
    assert operations[operation]["responses"]["200"]["content"].keys() == kinds


def test_metrics_travel_as_documented(client: TestClient) -> None:
    assert client.get("/metrics").headers["content-type"].startswith("text/plain")
