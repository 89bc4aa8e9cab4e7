"""Pages made of templates, and the headers that every page is served with."""

import re
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from service.web import assets

TEMPLATES = assets.STATIC.parent / "templates"
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


def render(template: str, **values: Any) -> str:
    """The HTML of a page."""
    return _environment().get_template(template).render(**values)


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
        swagger=lambda name: f"/static/swagger/{name}?v={assets.swagger_version()}",
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
