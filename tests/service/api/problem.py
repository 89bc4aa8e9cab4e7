"""What every refusal looks like (RFC 9457)."""

from typing import Any

from httpx import Response

FIELDS = {"type", "title", "status", "code", "detail", "errors"}


def assert_problem(answer: Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem document of an answer, checked in its form and for what it must not tell."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert set(document) == FIELDS
    assert document["status"] == status
    assert document["type"] == f"/problems/{document['code']}"
    assert document["title"]
    assert document["detail"]
    for entry in document["errors"]:
        assert set(entry) == {"pointer", "message"}
        assert entry["pointer"] == "" or entry["pointer"].startswith("/")
    if code is not None:
        assert document["code"] == code
    for secret in ("Traceback", "sqlalchemy", "SELECT ", "effscale_searches", 'File "'):
        assert secret not in answer.text
    if status in (429, 503):
        assert answer.headers["retry-after"].isdigit()
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    return document
