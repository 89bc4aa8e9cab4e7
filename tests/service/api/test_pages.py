"""Browsers get pages, also of what is not there; programs get problem documents."""

import pytest
from fastapi.testclient import TestClient

from tests.service.api.problem import assert_problem
from tests.service.fleet import Fleet

BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


def test_the_page_of_a_search_is_there_and_that_of_an_unknown_one_is_not(client: TestClient, fleet: Fleet) -> None:
    assert client.get(f"/searches/{fleet.submit()}", headers=BROWSER).status_code == 200
    answer = client.get("/searches/s0000000000000000", headers=BROWSER)
    assert answer.status_code == 404
    assert "there is no search" in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", "/new", 405)])
def test_an_error_is_a_page_for_a_browser_and_a_document_for_others(
    client: TestClient, method: str, path: str, status: int
) -> None:
    page = client.request(method, path, headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert 'href="/"' in page.text
    code = {404: "not-found", 405: "method-not-allowed"}[status]
    assert_problem(client.request(method, path), status, code)


def test_the_api_answers_a_browser_with_documents_too(client: TestClient) -> None:
    assert_problem(client.get("/v1/searches/s0000000000000000", headers=BROWSER), 404, "not-found")


def test_the_reference_comes_from_this_service(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "://" not in page.text.replace("http://www.w3.org", "")
    script = client.get("/static/swagger/swagger-ui-bundle.js", headers={"Accept-Encoding": "gzip"})
    assert (script.status_code, script.headers["Content-Encoding"]) == (200, "gzip")
    assert client.get("/static/swagger/other.js").status_code == 404
    assert client.get("/redoc", follow_redirects=False).headers["location"] == "/docs"


@pytest.mark.parametrize(("part", "count"), [("IGITS", 2), ("demo", 1), ("%", 0), ("_", 1), ("nothing", 0)])
def test_a_part_of_a_name_finds_it(client: TestClient, fleet: Fleet, part: str, count: int) -> None:
    fleet.submit(name="digits-demo")
    fleet.submit(name="My_Digits")
    found = client.get("/v1/searches", params={"name": part}).json()["items"]
    assert len(found) == count
