"""The page of data sets: the list, one set with examples cut out of its sprite, and names of any kind as text."""

import pytest
from playwright.sync_api import expect

from models.data.registry import Registry
from tests.service.web.conftest import OpenPage, Serve
from tests.service.web.fake_api import Fake
from tests.service.web.test_page_in_browser import HOSTILE

pytestmark = pytest.mark.browser
PAINTED = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 < 3 && v > 0)"


def test_a_data_set_shows_its_classes_with_examples(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([], key="effs_k")) + "/datasets", allow="401")
    page.get_by_label("API key", exact=True).fill("effs_k")
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#rows tr")).to_have_count(len(Registry().names()))
    page.get_by_role("link", name="digits").click()
    expect(page.locator("#name")).to_have_text("digits")
    rows = page.locator("#classes tbody tr")
    expect(rows).to_have_count(10)
    expect(rows.nth(3)).to_contain_text("3")
    assert all(rows.nth(i).locator("canvas").evaluate(PAINTED) for i in range(10))
    expect(page.locator("#problems")).to_have_text("None found.")
    expect(page.locator("#facts")).to_contain_text("8\u202fpx")
    page.locator("#search").click()
    expect(page.get_by_label("Data set")).to_have_value("digits")


def test_problems_are_listed_and_hostile_names_are_text(serve: Serve, open_page: OpenPage) -> None:
    problem = {"kind": "corrupt", "count": 3, "policy": "skip", "meaning": "cannot be decoded"}
    examples = [{"name": HOSTILE, "detail": "a text file"}]
    changed = {"problems": [{**problem, "examples": examples}], "source": HOSTILE, "class_names": [HOSTILE] * 10}
    page = open_page(serve(Fake([], dataset=changed)) + "/datasets#digits")
    found = page.locator("#problems > li")
    expect(found).to_contain_text("3 corrupt (skip): cannot be decoded")
    found.locator("summary").click()
    expect(found.locator("details li")).to_have_text([f"{HOSTILE}: a text file", "and 2 more"])
    expect(page.locator("#classes tbody th").first).to_have_text(HOSTILE)
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_a_phone(serve: Serve, open_page: OpenPage, dark: bool) -> None:
    page = open_page(serve(Fake([])) + "/datasets#digits", width=360, dark=dark)
    expect(page.locator("#classes tbody tr")).to_have_count(10)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
