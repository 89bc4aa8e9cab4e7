"""The shells and files: a strict policy that they keep themselves, nothing of a user's in the markup, long caching."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from search.spec.spec import SearchSpec
from service.api.routes import pages
from service.web import assets, form
from service.web.form_fields import OMITTED

PAGES = ("/", "/new", "/datasets", "/docs", "/searches/s_1")
LONGEST_FILE = 350  # lines, as for Python
WEB = Path(assets.__file__).parent


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI(docs_url=None)
    app.include_router(pages.router)
    app.dependency_overrides[pages.known_search] = lambda search_id: search_id
    return TestClient(app)


class Tags(HTMLParser):
    """Start tags and the text in between, as a browser would read them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("path", PAGES)
def test_the_policy_allows_our_own_files_and_nothing_inline(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert "script-src" not in policy  # default-src speaks for it
    assert not [part for part in policy.values() if "unsafe-inline" in part or "unsafe-eval" in part or "http" in part]
    for name in ("object-src", "base-uri", "form-action", "frame-ancestors"):
        assert policy[name] == "'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
def test_the_markup_keeps_the_policy(client: TestClient, path: str) -> None:
    found = Tags(client.get(path).text)
    assert found.find("style") == []
    assert all((script.get("src") or "").startswith("/static/") for script in found.find("script"))
    attributes = [name for _, given in found.tags for name in given]
    assert not [name for name in attributes if name == "style" or name.startswith("on")]
    assert not [
        value
        for _, given in found.tags
        for value in given.values()
        if value and re.match(r"(https?:)?//|javascript:", value)
    ]


@pytest.mark.parametrize("path", PAGES)
def test_every_file_that_a_page_names_is_there_for_a_year(client: TestClient, path: str) -> None:
    found = Tags(client.get(path).text)
    names = {*(link["href"] for link in found.find("link")), *(script["src"] for script in found.find("script"))}
    for name in names:
        assert name is not None
        answer = client.get(name)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", PAGES)
def test_every_control_has_a_label(client: TestClient, path: str) -> None:
    found = Tags(client.get(path).text)
    labelled = {label.get("for") for label in found.find("label")}
    for tag in ("input", "select", "textarea"):
        for control in found.find(tag):
            is_wrapped = (control.get("id") or "").startswith("filter-")  # stands inside its label
            assert control.get("id") in labelled or control.get("aria-label") or is_wrapped, control
    ids = [given["id"] for _, given in found.tags if "id" in given]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "hostile", ['"><script>alert(1)</script>', "' onmouseover=alert(1) x='", "{{7*7}}", "ünï\u202e"]
)
def test_a_hostile_id_stays_an_attribute(client: TestClient, hostile: str) -> None:
    from urllib.parse import quote

    html = client.get(f"/searches/{quote(hostile, safe='')}").text
    if "/" in hostile:  # a path of three parts, which is no page
        assert "alert(1)" not in html
        return
    found = Tags(html)
    assert len(found.find("script")) == 1
    assert [given["data-id"] for _, given in found.tags if "data-id" in given] == [hostile]


def test_plotly_comes_from_the_wheel_compressed_and_is_asked_for_once(client: TestClient) -> None:
    address = f"/static/plotly.min.js?v={assets.plotly_version()}"
    answer = client.get(address)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.text.startswith("/**\n* plotly.js v")
    again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.text == answer.text


def test_serving_the_page_imports_neither_plotly_nor_an_array_library() -> None:
    code = (
        "import sys; from service.api.routes import pages; from service.web import assets, plots; assets.plotly();"
        "pages.list_page(); pages.new_page(); pages.search_page('x');"
        "print(sorted({'plotly', 'jax', 'numpy', 'optuna', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["nothing.js", "..%2F..%2Fapp.py", "pages.py", ".css", "base.css%00", "templates"])
def test_only_listed_files_are_served(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{assets.revision()}/{name}").status_code == 404


def test_a_file_of_another_revision_is_served_but_not_kept(client: TestClient) -> None:
    answer = client.get("/static/0123456789ab/base.css")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"


def test_modules_import_only_modules_that_are_there_and_what_they_export() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in (WEB / "static").glob("*.js")}
    for name, source in sources.items():
        for wanted, module in re.findall(r'import \{([^}]*)\} from "\./([^"]+)"', source):
            for export in filter(None, (part.strip() for part in wanted.split(","))):
                assert re.search(rf"export (async )?(function|const|class) {export}\b", sources[module]), (name, export)
                assert len(re.findall(rf"\b{export}\b", source)) > 1, f"{name} imports {export} and does not use it"


def test_no_module_writes_markup() -> None:
    """Names are hostile: text nodes and attributes only."""
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser")
    for path in (WEB / "static").glob("*.js"):
        assert not forbidden.findall(path.read_text(encoding="utf-8")), path.name


def test_no_file_is_long() -> None:
    files = [path for folder in ("static", "templates") for path in (WEB / folder).iterdir()]
    assert {path.name: n for path in files if (n := path.read_text(encoding="utf-8").count("\n")) > LONGEST_FILE} == {}


def test_the_form_holds_every_field_of_the_spec() -> None:
    named = {field.pointer for _, fields in form.groups() for field in fields}
    assert named | set(OMITTED) == set(form.pointers(SearchSpec.model_json_schema()))


def test_the_form_as_it_comes_is_the_default_spec() -> None:
    default = SearchSpec(dataset="digits", baseline="efficientnet-nano").model_dump(mode="json")
    for _, fields in form.groups():
        for field in fields:
            value = default
            for name in field.pointer.split("/")[1:]:
                value = None if value is None else value[name]
            if value is None and field.pointer.startswith(("/start/", "/transfer/")):
                continue  # left out as a whole
            if field.kind == "bounds":  # empty they follow from the target, and so do those of the default
                value = [None, None]
            if field.kind == "controls":
                value = "all"  # as its control says true
            assert field.default == (None if field.required else value), field.pointer
