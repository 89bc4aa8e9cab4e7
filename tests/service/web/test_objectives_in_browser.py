"""Several objectives and the probe: asked for in the form, told with the result."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.service.web.conftest import OpenPage, Serve
from tests.service.web.fake_api import Fake
from tests.service.web.simulated import finished

pytestmark = pytest.mark.browser


def test_the_form_asks_for_objectives_and_a_probe(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([finished()])
    base = serve(fake)
    page = open_page(f"{base}/new", allow="422")
    expect(page.locator("#plan-feasible")).to_have_text("27")
    page.locator("summary", has_text="How to look").click()
    objectives = page.get_by_label("Objectives")
    expect(objectives).to_have_value("accuracy")
    objectives.fill("macs, accuracy")
    expect(page.locator("#f-objectives-error")).to_contain_text("the first objective is 'accuracy'")
    objectives.fill("accuracy, params")
    page.get_by_label("Probe at φ").fill("2")
    page.get_by_label("Seeds per probe").fill("4")
    expect(page.locator("#plan-facts")).to_contain_text("24 + 15 finals + 30 controls + 12 probes")
    page.get_by_role("button", name="Start the search").click()
    expect(page).to_have_url(f"{base}/searches/s_demo")
    sent = fake.submitted[0]["spec"]
    assert sent["objectives"] == ["accuracy", "params"]
    assert sent["transfer"] == {"phi": 2, "count": 3, "seeds": 4}


def test_a_form_left_as_it_is_asks_for_neither(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([finished()])
    base = serve(fake)
    page = open_page(f"{base}/new")
    expect(page.locator("#plan-feasible")).to_have_text("27")
    page.get_by_role("button", name="Start the search").click()
    expect(page).to_have_url(f"{base}/searches/s_demo")
    assert fake.submitted[0]["spec"]["objectives"] == ["accuracy"]
    assert fake.submitted[0]["spec"]["transfer"] is None


def test_the_result_tells_of_the_front_and_of_the_probe(serve: Serve, open_page: OpenPage) -> None:
    search = finished()
    front = {"objectives": ["accuracy", "params"], "trials": [1, 4, 5], "knee": 4, "hypervolume": 0.4321}
    shown = (
        "Trial 1 wins. The front in accuracy and params: trials 1, 4, 5. At phi 2 trial 1's coefficients lead as well."
    )
    told = {"front": front, "statement": shown}
    spec = {**search.spec, "objectives": ["accuracy", "params"]}
    page = open_page(serve(Fake([replace(search, spec=spec, found=told)])) + "/searches/s_demo")
    remarks = page.locator("#remarks")
    expect(remarks).to_contain_text(shown)
    expect(page.locator("#about")).to_contain_text("objectives: accuracy, params")
