"""The page in a real browser, before the real service with a real worker: one search from the form to its result."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.service.web.conftest import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
TRAINED = 240_000  # ms for four short trainings of small networks and their compilation, on a busy machine
ROWS = "#trials tr[data-key]"
NAME = 'real <b id="owned">digits</b>'


def test_a_search_from_the_form_to_its_result(live_server: str, open_page: OpenPage) -> None:
    page = open_page(f"{live_server}/new", allow="422")
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Trials", exact=True).fill("2")
    page.get_by_label("Epochs", exact=True).fill("0")
    expect(page.locator("#f-recipe-epochs-error")).not_to_be_empty()
    page.get_by_label("Epochs", exact=True).fill("2")
    page.locator("summary", has_text="How to look").click()
    page.get_by_label("Finalists", exact=True).fill("1")
    page.get_by_label("Seeds per finalist").fill("2")
    page.get_by_label("Pruner", exact=True).select_option("none")
    page.get_by_label("Compare with simple choices").fill("baseline, width")
    expect(page.locator("#plan-facts")).to_contain_text("2 + 2 finals + 4 controls")
    page.get_by_label("Compare with simple choices").fill("none")
    expect(page.locator("#plan-feasible")).to_have_text("27")
    expect(page.locator("#plan-facts")).to_contain_text("2 + 2 finals")
    page.get_by_role("button", name="Start the search").click()

    expect(page).to_have_url(re.compile(r"/searches/[^/]+$"))
    expect(page.locator("#name")).to_have_text(NAME)
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator("#running .tile").first).to_be_visible(timeout=TRAINED)
    expect(page.locator(ROWS).first).to_contain_text("reference", timeout=TRAINED)
    page.evaluate(f"document.querySelector('{ROWS}').kept = true")

    expect(page.locator("#state")).to_have_text("succeeded", timeout=TRAINED)
    expect(page.locator("#link")).to_have_text("Finished")
    expect(page.locator("#statement")).to_contain_text("Scale efficientnet-nano by α")
    expect(page.locator("#remarks")).to_contain_text("The very same network comes of")
    expect(page.locator("#progress-text")).to_contain_text("4 of 4 trainings")
    expect(page.locator(ROWS)).to_have_count(2)
    assert page.evaluate(f"[...document.querySelectorAll('{ROWS}')].filter((row) => row.kept).length") == 1

    charts = page.locator("[data-plot]")
    for index in range(charts.count()):
        charts.nth(index).scroll_into_view_if_needed()
        expect(charts.nth(index)).to_have_attribute("data-drawn", re.compile(r"[1-9]"))

    page.locator(ROWS).first.get_by_role("button").click()
    dialog = page.locator("#trial-dialog")
    expect(dialog.locator(".run")).to_have_count(3)
    expect(dialog.locator("summary", has_text="2 epochs")).to_have_count(3)
    page.keyboard.press("Escape")
    for name in ("Scaling config, JSON", "Scaling config, YAML", "All trials, CSV"):
        page.locator("#export summary").click()
        with page.expect_download() as downloading:
            page.get_by_role("button", name=name).click()
        assert downloading.value.suggested_filename.endswith(name[-4:].strip(" ,").lower())

    page.goto(live_server)
    row = page.locator("#rows tr", has_text="real <b")
    expect(row).to_contain_text("succeeded")
    expect(row.locator("progress")).to_have_js_property("value", 1)
    assert page.locator("#owned").count() == 0


def test_every_column_that_can_be_clicked_is_one_the_api_sorts(live_server: str, open_page: OpenPage) -> None:
    spec = {"dataset": "digits", "baseline": "efficientnet-nano", "trials": 1, "finalists": {"count": 0}}
    with httpx.Client(base_url=live_server) as client:
        search_id = client.post("/v1/searches", json=spec).json()["id"]
        assert client.post(f"/v1/searches/{search_id}/cancel").json()["state"] == "cancelled"
    page = open_page(f"{live_server}/searches/{search_id}")
    heads = page.locator("#columns th:has(.sort)")
    expect(page.locator("#board")).to_have_attribute("aria-busy", "false")
    for index in range(heads.count()):
        heads.nth(index).get_by_role("button").click()
        expect(heads.nth(index)).to_have_attribute("aria-sort", re.compile("scending"))
        expect(page.locator("#board")).to_have_attribute("aria-busy", "false")
        expect(page.locator("#board-note")).to_contain_text("as of")
