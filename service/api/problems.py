"""Errors as RFC 9457 problem documents. Nothing a client sends ends in a traceback or shows SQL."""

import json
import logging
from collections.abc import Sequence
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from search.errors import InvalidSpec
from service.errors import STATUS
from service.web.rendering import PAGE_HEADERS, render

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "/problems/"  # relative to the server: a URI reference, RFC 9457 section 3.1.1
RETRY_SECONDS = 2
API_PATHS = ("/v1/", "/openapi.json", "/healthz", "/readyz", "/metrics")  # no page is there, whoever asks
MAX_ERRORS = 50  # of one body
log = logging.getLogger("effscale.api")


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    errors: Sequence[dict[str, str]] = (),
) -> JSONResponse:
    """One problem document; `code` is the machine word that `type` ends with."""
    content: dict[str, Any] = {
        "type": TYPE_PREFIX + code,
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "errors": list(errors),
    }
    headers = {}
    if status in (429, 503):
        headers["Retry-After"] = str(RETRY_SECONDS)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def from_error(error: Exception) -> JSONResponse:
    """The problem document of a known error."""
    for kind, status, code, title in STATUS:
        if isinstance(error, kind):
            pointer = error.pointer if isinstance(error, InvalidSpec) else None
            errors = () if pointer is None else ({"pointer": pointer, "message": str(error)},)
            return problem(status, code, title, str(error), errors)
    raise error


def install(app: FastAPI) -> None:
    """Make every error of this app a problem document."""
    for kind, _, _, _ in STATUS:
        app.add_exception_handler(kind, _raised)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _answer(request: Request, document: JSONResponse) -> Response:
    """The problem document; its words as a page for a browser that asked for one."""
    wants_page = "text/html" in request.headers.get("Accept", "") and not request.url.path.startswith(API_PATHS)
    if not wants_page:
        return document
    words = json.loads(bytes(document.body))
    body = render("problem.html", title=words["title"], status=words["status"], detail=words["detail"])
    kept = {name: value for name, value in document.headers.items() if name not in ("content-length", "content-type")}
    return HTMLResponse(body, document.status_code, headers={**kept, **PAGE_HEADERS})


async def _raised(request: Request, error: Exception) -> Response:
    return _answer(request, from_error(error))


async def _invalid(request: Request, error: Exception) -> Response:
    return _answer(request, _of_body(error))


def _of_body(error: Exception) -> JSONResponse:
    details = cast(RequestValidationError, error).errors()
    if any(detail["type"] == "json_invalid" for detail in details):
        position = details[0]["loc"][-1]
        return problem(400, "malformed-json", "Malformed JSON", f"the body is not JSON: error at character {position}")
    errors = [
        {"pointer": _pointer(detail["loc"]), "message": str(detail["msg"]).removeprefix("Value error, ")}
        for detail in details[:MAX_ERRORS]
    ]
    shown = "; ".join(f"{entry['pointer'] or '(whole body)'}: {entry['message']}" for entry in errors[:5])
    return problem(422, "invalid-body", "Invalid request", shown, errors)


def _pointer(location: Sequence[Any]) -> str:
    """A JSON pointer (RFC 6901) into the body; parameters are named by where they stand."""
    kept = location[1:] if location and location[0] == "body" else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in kept)


async def _http(request: Request, error: Exception) -> Response:
    refused = cast(HTTPException, error)
    titles = {404: "not-found", 405: "method-not-allowed", 400: "malformed", 413: "too-large"}
    code = titles.get(refused.status_code, "http-error")
    response = problem(refused.status_code, code, code.replace("-", " ").capitalize(), str(refused.detail))
    response.headers.update(refused.headers or {})
    return _answer(request, response)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected error in %s %s", request.method, request.url.path, exc_info=error)
    document = problem(500, "internal", "Internal error", "an unexpected error; it is in the server's log")
    return _answer(request, document)
