"""The web page's shells and files. They hold no data: that comes from the API, with the reader's own key."""

import gzip
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from service.web import assets, form
from service.web.form_fields import CARRIED

TEMPLATES = Path(assets.__file__).parent / "templates"
# On load plotly.js 4 adds a style sheet for maps, and its colour keys are given an empty style attribute: the hashes of
# just these two. Another release's would be refused, which costs a line in the browser's console and nothing else. All
# other styles of ours and plotly's are files (static/plotly.css) or set through the CSSOM, which no policy restricts.
PLOTLY_STYLES = (
    "'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o=' "
    "'unsafe-hashes' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
)
POLICY = "; ".join(
    (
        "default-src 'self'",
        f"style-src 'self' {PLOTLY_STYLES}",
        "img-src 'self' data: blob:",  # plotly saves a chart as an image by way of these
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
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


@router.get("/searches/{search_id}", response_class=HTMLResponse)
def search_page(search_id: str) -> Response:
    """One search. Whether there is one of that id, the API tells."""
    return _page("search.html", search_id=search_id)


@router.get("/static/plotly.min.js")
def plotly_file(request: Request) -> Response:
    """plotly.js of the installed wheel, gzipped for all who take that."""
    asset, headers = assets.plotly(), {"Vary": "Accept-Encoding"}
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
        return Response("There is no such file.\n", status_code=404, media_type="text/plain")
    return _file(request, asset, {}, current=revision == assets.revision())


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


def _page(template: str, **values: Any) -> Response:
    return HTMLResponse(_environment().get_template(template).render(**values), headers=PAGE_HEADERS)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    environment.filters["plain"] = _plain
    environment.globals.update(
        static=lambda name: f"/static/{assets.revision()}/{name}",
        plotly=f"/static/plotly.min.js?v={assets.plotly_version()}",
    )
    return environment


def _code(text: str) -> Markup:
    """Escape, and set what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just here


def _plain(value: object) -> str:
    """A default as a person would type it: 1.0 as 1, nothing for null."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
