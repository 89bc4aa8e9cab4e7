"""Narrow and wide screens, the way back, what is not there, and the API reference, in a real browser."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.service.web.conftest import OpenPage, Serve
from tests.service.web.fake_api import Fake
from tests.service.web.simulated import conclusion, finished

pytestmark = pytest.mark.browser
SEARCH = "/searches/s_demo"


@pytest.mark.parametrize("width", [360, 1280, 1920])
@pytest.mark.parametrize("path", ["/", SEARCH, "/new", "/datasets"])
def test_no_page_scrolls_sideways(serve: Serve, open_page: OpenPage, path: str, width: int) -> None:
    page = open_page(serve(Fake([finished()])) + path, width=width)
    if path == SEARCH:
        expect(page.locator("#statement")).to_contain_text("Scale")
        expect(page.locator("#link")).to_have_text("Finished")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_back_closes_a_trial_and_forward_opens_it_again(serve: Serve, open_page: OpenPage) -> None:
    base = serve(Fake([finished()]))
    page = open_page(base)
    page.locator("#rows tr").click()
    dialog = page.locator("#trial-dialog")
    page.locator('#trials tr[data-key="2"]').get_by_role("button").first.click()
    expect(dialog).to_be_visible()
    expect(page).to_have_url(f"{base}{SEARCH}#trial-2")
    page.go_back()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(f"{base}{SEARCH}")
    page.go_forward()
    expect(page.locator("#trial-title")).to_have_text("Trial 2")
    page.locator("#trial-close").click()
    expect(page).to_have_url(f"{base}{SEARCH}")
    expect(dialog).to_be_hidden()
    page.go_back()
    expect(page).to_have_url(f"{base}/")


def test_a_link_to_a_trial_opens_it(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + f"{SEARCH}#trial-3")
    expect(page.locator("#trial-title")).to_have_text("Trial 3")
    page.locator("#trial-close").click()
    expect(page).to_have_url(re.compile(f"{SEARCH}$"))


def test_a_winner_at_chance_is_no_recommendation(serve: Serve, open_page: OpenPage) -> None:
    search = finished()
    sentence = "Nothing was learned yet: the best network guesses."
    advice = {"pointer": "/recipe/epochs", "value": 32, "message": "more steps to learn in"}
    search.found |= {"statement": sentence, "conclusion": conclusion("nothing_learnt", sentence, None, advice)}
    page = open_page(serve(Fake([search])) + SEARCH)
    expect(page.locator("#statement")).to_have_text(sentence)
    expect(page.locator("#verdict")).to_have_class(re.compile("unsure"))
    expect(page.locator("#remarks")).to_contain_text("/recipe/epochs 32: more steps to learn in.")


@pytest.mark.parametrize("kind", ["no_gain", "undecided"])
def test_what_is_not_recommended_is_said_first(serve: Serve, open_page: OpenPage, kind: str) -> None:
    search = finished()
    sentence = "Do not scale: 2.00 times the MACs, not better."
    search.found |= {"statement": sentence, "conclusion": conclusion(kind, sentence, None)}
    page = open_page(serve(Fake([search])) + SEARCH)
    expect(page.locator("#statement")).to_have_text(sentence)
    expect(page.locator("#verdict")).to_have_class(re.compile("unsure"))


def test_simple_choices_stand_beside_the_answer(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + SEARCH)
    rows = page.locator("#controls-rows tr")
    expect(rows).to_have_count(6)
    expect(rows.first).to_contain_text("Unscaled baseline")
    expect(rows.first).to_contain_text("+2.1 points (+1.2 to +3.0)")
    expect(rows.last).to_contain_text("trial 0")
    expect(page.locator("#controls-rows .interval.better")).to_have_count(2)
    expect(page.locator("#controls-rows .interval.level")).to_have_count(4)


def test_a_search_that_failed_has_a_conclusion_and_no_winner(serve: Serve, open_page: OpenPage) -> None:
    search = finished()
    search.state, search.details = "failed", []
    sentence = "Nothing was learned: 3 trials, and all diverged or had no memory."
    search.found |= {"statement": sentence, "conclusion": conclusion("nothing_learnt", sentence, None), "controls": []}
    page = open_page(serve(Fake([search])) + SEARCH)
    expect(page.locator("#statement")).to_have_text(sentence)
    expect(page.locator("#controls")).to_be_hidden()


def test_charts_of_an_ended_search_without_points_are_a_line_that_does_not_say_yet(
    serve: Serve, open_page: OpenPage
) -> None:
    search = finished()
    search.state = "failed"
    for detail in search.details:
        detail |= {"state": "failed", "accuracy": None, "runs": []}
    page = open_page(serve(Fake([search])) + SEARCH)
    chart = page.locator('[data-plot="history"]')
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".empty")).to_have_text("Nothing to draw: no trial of this search has an accuracy.")
    box = chart.bounding_box()
    assert box is not None
    assert box["height"] < 200


def test_the_api_reference_needs_no_other_host(live_server: str, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{live_server}/docs")
    expect(page.locator("#swagger .opblock").first).to_be_visible()
    expect(page.locator("#swagger")).to_contain_text("/v1/searches/{search_id}/leaderboard")
    assert hosts - {""} == {urlsplit(live_server).netloc}
    page.set_viewport_size({"width": 360, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("path", ["/nowhere", "/searches/s0000000000000000"])
def test_what_is_not_there_is_a_page_with_a_way_back(live_server: str, open_page: OpenPage, path: str) -> None:
    page = open_page("about:blank", allow="404")
    answer = page.goto(live_server + path)
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_have_text("Not found")
    page.get_by_role("link", name="All searches").click()
    expect(page).to_have_url(f"{live_server}/")
