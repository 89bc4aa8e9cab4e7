"""The web page's shells and files. They hold no data: that comes from the API, with the reader's own key."""

import gzip
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from service.api.routes.dependencies import ContextDep
from service.store import searches
from service.web import assets, form
from service.web.form_fields import CARRIED
from service.web.rendering import PAGE_HEADERS, render

YEAR = 31_536_000  # seconds; RFC 9111 has no longer habit, and the address changes with the content
FOREVER = f"public, max-age={YEAR}, immutable"

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
def list_page() -> Response:
    """All searches."""
    return _page("searches.html")


@router.get("/new", response_class=HTMLResponse)
def new_page() -> Response:
    """The form for a new search."""
    return _page("new.html", groups=form.groups(), presets=form.presets(), carried=CARRIED)


@router.get("/datasets", response_class=HTMLResponse)
def datasets_page() -> Response:
    """What can be trained on, with examples."""
    return _page("datasets.html")


def known_search(search_id: str, context: ContextDep) -> str:
    """The id of a search that somebody has; `NotFound` for any other."""
    with context.read() as session:
        return searches.get(session, search_id, None).id


@router.get("/searches/{search_id}", response_class=HTMLResponse)
def search_page(search_id: Annotated[str, Depends(known_search)]) -> Response:
    """One search. Whose it is, the API decides with the reader's key."""
    return _page("search.html", search_id=search_id)


@router.get("/docs", response_class=HTMLResponse)
def docs_page() -> Response:
    """The API, to read and to try."""
    return _page("docs.html")


@router.get("/redoc")
def redoc_page() -> Response:
    """Where FastAPI has another view of the same document."""
    return RedirectResponse("/docs")


@router.get("/static/plotly.min.js")
def plotly_file(request: Request) -> Response:
    """plotly.js of the installed wheel, gzipped for all who take that."""
    return _packed(request, assets.plotly())


@router.get("/static/swagger/{name}")
def swagger_file(request: Request, name: str) -> Response:
    """Swagger UI of the installed wheel."""
    asset = assets.swagger().get(name)
    return _no_file() if asset is None else _packed(request, asset)


def _packed(request: Request, asset: assets.Asset) -> Response:
    """A file of a wheel, gzipped for all who take that."""
    headers = {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        asset = replace(asset, body=gzip.decompress(asset.body))
    return _file(request, asset, headers, current="v" in request.query_params)


@router.get("/static/{revision}/{name}")
def static_file(request: Request, revision: str, name: str) -> Response:
    """One of our files. An address of another revision gets the present file, and is not kept by the browser."""
    asset = assets.own().get(name)
    if asset is None:
        return _no_file()
    return _file(request, asset, {}, current=revision == assets.revision())


def _no_file() -> Response:
    return Response("There is no such file.\n", status_code=404, media_type="text/plain")


def _file(request: Request, asset: assets.Asset, headers: dict[str, str], *, current: bool) -> Response:
    headers = {
        **headers,
        "ETag": asset.tag,
        "Cache-Control": FOREVER if current else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if asset.tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)


def _page(template: str, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(render(template, **values), status, headers=PAGE_HEADERS)
