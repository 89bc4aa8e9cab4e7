"""What is refused before any route runs: foreign hosts on loopback, and writes from pages of other origins."""

import pytest
from fastapi.testclient import TestClient

from tests.service.api.problem import assert_problem
from tests.service.fleet import SPEC


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000"]
)
def test_this_machine_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/searches", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.test",
        "localhost.example.test",
        "127.0.0.1.example.test",
        "example.test:8000",
        "evil@example.test",
        "localhost@example.test",
        "[::1",
        "[::1]x",
        "[localhost]",
        "example.test@localhost",
        "localhost/example.test",
        "localhost#example.test",
        "localhost:x",
        "",
        " ",
        "0.0.0.0",
        "2130706433",
    ],
)
def test_another_host_is_refused_on_loopback(client: TestClient, host: str) -> None:
    """A page of another site whose name resolves to 127.0.0.1 must not reach the service (DNS rebinding)."""
    for path in ("/v1/searches", "/", "/healthz", "/openapi.json"):
        assert_problem(client.get(path, headers={"Host": host}), 403, "forbidden")


@pytest.mark.parametrize(
    "origin",
    [
        "http://example.test",
        "https://example.test",
        "http://localhost",
        "http://127.0.0.1:9999",
        "http://127.0.0.1.example.test",
        "http://[",
        "null",
        "127.0.0.1",
        "file://",
    ],
)
def test_a_write_from_another_origin_is_refused(client: TestClient, origin: str) -> None:
    for method, path in (("POST", "/v1/searches"), ("DELETE", "/v1/searches/x"), ("PUT", "/v1/leases/x/checkpoints/1")):
        answer = client.request(method, path, json=SPEC, headers={"Origin": origin})
        assert_problem(answer, 403, "forbidden")
    assert client.get("/v1/searches").json()["items"] == []


def test_a_write_from_our_own_page_is_taken(client: TestClient) -> None:
    assert client.post("/v1/searches", json=SPEC, headers={"Origin": "http://127.0.0.1"}).status_code == 201
    own = {"Origin": "http://localhost:8000", "Host": "localhost:8000"}
    assert client.post("/v1/searches", json=SPEC, headers=own).status_code == 201


def test_no_other_origin_may_read_either(client: TestClient) -> None:
    """Browsers ask by CORS headers, and there are none."""
    answer = client.get("/v1/searches", headers={"Origin": "http://example.test"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    preflight = {"Origin": "http://example.test", "Access-Control-Request-Method": "POST"}
    assert_problem(client.options("/v1/searches", headers=preflight), 405)


def test_a_public_service_has_whatever_name_it_is_called_by(public: TestClient) -> None:
    assert public.get("/healthz", headers={"Host": "effscale.example.test"}).status_code == 200
    answer = public.post("/v1/plans", json=SPEC, headers={"Origin": "http://other.test"})
    assert_problem(answer, 403, "forbidden")
    answer = public.post("/v1/plans", json=SPEC, headers={"Origin": "http://example.test"})
    assert_problem(answer, 401, "unauthorized")
