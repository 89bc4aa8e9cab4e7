"""What a reader sees and does, in a real browser against a fake API whose every move the test decides."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from search.space import catalogue
from search.spec.spec import SearchSpec
from tests.service.web.conftest import OpenPage, Serve
from tests.service.web.fake_api import Fake
from tests.service.web.simulated import OVERFITTED, finished, going, run

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=\"document.title='owned'\"> ünï\u202ecode & 'quotes'"
ROWS = "#trials tr[data-key]"


def test_the_list_shows_each_search_and_leads_to_it(serve: Serve, open_page: OpenPage) -> None:
    base = serve(Fake([finished()]))
    page = open_page(base)
    row = page.locator("#rows tr")
    expect(row).to_contain_text("digits-demo")
    expect(row).to_contain_text("succeeded")
    expect(row).to_contain_text("97.99")
    expect(row.locator("progress")).to_have_js_property("value", 1)
    row.click()
    expect(page).to_have_url(f"{base}/searches/s_demo")


def test_hostile_names_are_text_everywhere(serve: Serve, open_page: OpenPage) -> None:
    search = finished(HOSTILE)
    search.message, search.state = HOSTILE, "failed"
    search.details[0]["reference_note"] = HOSTILE
    search.details[0]["runs"][0]["attempts"][0]["worker"] = HOSTILE
    base = serve(Fake([search]))
    page = open_page(base)
    expect(page.locator("#rows a")).to_have_text(HOSTILE)
    page.goto(f"{base}/searches/s_demo")
    expect(page.locator("#name")).to_have_text(HOSTILE)
    expect(page.locator("#reason")).to_have_text(HOSTILE)
    page.locator(f'{ROWS}[data-key="0"]').get_by_role("button").click()
    expect(page.locator("#trial-body > p").nth(1)).to_have_text(HOSTILE)
    assert page.locator("main img").count() == 0
    assert page.title() == f"{HOSTILE} · effscale"


def test_a_finished_search_says_in_words_what_it_found(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + "/searches/s_demo")
    statement = page.locator("#statement")
    expect(statement).to_contain_text("Scale efficientnet-nano by α")
    expect(statement).to_contain_text("mean of 5 seeds, 95 % interval")
    expect(page.locator("#remarks")).to_contain_text("It gains 2.1 points (95 %: 1.2 to 3.0).")
    expect(page.locator("#remarks")).to_contain_text("test split")
    expect(page.locator("#remarks")).to_contain_text("γ (resolution) matters most")
    expect(page.locator("#remarks")).to_contain_text("γ (resolution) 60 % (40 % to 80 %)")
    expect(page.locator("#link")).to_have_attribute("data-state", "closed")
    for name in ("pause", "resume", "cancel"):
        expect(page.locator(f"#{name}")).to_be_hidden()


def test_every_chart_is_drawn_when_it_comes_into_view(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + "/searches/s_demo")
    expect(page.locator(ROWS)).to_have_count(13)
    charts = page.locator("[data-plot]")
    for index in range(charts.count()):
        charts.nth(index).scroll_into_view_if_needed()
        expect(charts.nth(index)).to_have_attribute("data-drawn", re.compile(r"[1-9]"))
        expect(charts.nth(index).locator("svg.main-svg").first).to_be_visible()
    assert page.locator('[data-plot="simplex"] .scatterlayer .point').count() == 14 + 3  # trials and reference rules


def test_a_point_of_a_chart_opens_its_trial(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + "/searches/s_demo")
    chart = page.locator('[data-plot="history"]')
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", re.compile(r"[1-9]"))
    box = chart.locator(".point").nth(2).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 - 1, box["y"] + box["height"] / 2)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#trial-title")).to_have_text("Trial 2")


def test_events_update_the_page_without_replacing_it(serve: Serve, open_page: OpenPage) -> None:
    search = going()
    fake = Fake([search])
    page = open_page(serve(fake) + "/searches/s_demo")
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator(ROWS)).to_have_count(8)
    page.evaluate(f"document.querySelectorAll('{ROWS}').forEach((row) => (row.kept = true))")
    fake.announce(
        "trial.epoch", number=8, seed=0, role="search", epoch=5, validation_accuracy=0.9512, train_accuracy=0.9
    )
    tile = page.locator("#running .tile")
    expect(tile).to_contain_text("95.1")
    expect(tile).to_contain_text("epoch 5")
    last = search.details[8]
    last.update(state="completed", accuracy=0.991, epochs=8, runs=[run(8, 0, "search", "completed", 0.991, 8)])
    fake.announce("trial.finished", number=8, state="completed", seed=0, role="search", accuracy=0.991)
    expect(page.locator(ROWS)).to_have_count(9)
    expect(page.locator(ROWS).first).to_contain_text("99.10")
    expect(page.locator("#running")).to_contain_text("Waiting for a worker")
    expect(page.locator("#progress-text")).to_contain_text("9 of 29")
    assert page.evaluate(f"[...document.querySelectorAll('{ROWS}')].filter((row) => row.kept).length") == 8
    whole = finished()
    search.details, search.state = whole.details, "succeeded"
    fake.announce("search.succeeded")
    expect(page.locator("#state")).to_have_text("succeeded")
    expect(page.locator("#verdict")).to_be_visible()
    expect(page.locator("#now")).to_be_hidden()
    expect(page.locator("#link")).to_have_text("Finished")


def test_a_lost_connection_is_shown_and_resumed_behind_the_last_event(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([going()])
    page = open_page(serve(fake) + "/searches/s_demo")
    link = page.locator("#link")
    expect(link).to_have_attribute("data-state", "live")
    fake.announce("trial.epoch", number=8, seed=0, role="search", epoch=4, validation_accuracy=0.9, train_accuracy=0.9)
    expect(page.locator("#running .tile")).to_contain_text("epoch 4")
    fake.hang_up = True
    expect(link).to_have_text("Connection lost; trying again")
    fake.hang_up = False
    fake.announce("trial.epoch", number=8, seed=0, role="search", epoch=5, validation_accuracy=0.9, train_accuracy=0.9)
    expect(page.locator("#running .tile")).to_contain_text("epoch 5")
    expect(link).to_have_text("Live")
    assert fake.resumed_from[0] is None
    assert fake.resumed_from[-1] == "1"


def test_a_key_is_asked_for_once_and_used_for_the_stream_too(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([going()], key="effs_right")
    page = open_page(serve(fake) + "/searches/s_demo", allow="401")
    dialog = page.get_by_role("dialog", name="This server asks for an API key")
    dialog.get_by_label("API key").fill("effs_wrong")
    dialog.get_by_role("button").click()
    expect(page.locator("#key-error")).to_have_text("This server does not take that key.")
    dialog.get_by_label("API key").fill("effs_right")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator(ROWS)).to_have_count(8)
    expect(page.locator("#link")).to_have_text("Live")
    page.reload()
    expect(page.locator(ROWS)).to_have_count(8)
    expect(dialog).to_be_hidden()


def test_headers_sort_and_say_so(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + "/searches/s_demo")
    expect(page.locator(ROWS)).to_have_count(13)
    header = page.get_by_role("columnheader", name="Params")
    header.get_by_role("button").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(page.locator(ROWS).first).to_contain_text("110 k")
    page.keyboard.press("Enter")  # the focus stays on the header
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(page.locator(ROWS).first).to_contain_text("240 k")
    page.get_by_role("button", name="All trials").click()
    expect(page.locator(ROWS)).to_have_count(14)
    expect(page.locator(f'{ROWS}[data-key="9"]')).to_contain_text("failed")


def test_the_reference_ties_and_small_receptive_fields_are_marked(serve: Serve, open_page: OpenPage) -> None:
    search = finished()
    search.details[0]["cost"]["receptive_field"] = 20
    page = open_page(serve(Fake([search])) + "/searches/s_demo")
    reference = page.locator(f'{ROWS}[data-key="0"]')
    expect(reference).to_contain_text("reference")
    expect(reference.get_by_role("img", name=re.compile("smaller than the input"))).to_be_visible()
    expect(page.locator(".board .warn")).to_have_count(1)
    expect(page.locator(f'{ROWS}[data-key="4"]')).to_contain_text("tie")
    expect(page.locator(f'{ROWS}[data-key="5"] svg')).to_have_attribute("aria-label", re.compile("95 % interval"))


def test_a_trial_opens_by_its_row_its_number_and_its_address(serve: Serve, open_page: OpenPage) -> None:
    base = serve(Fake([finished()]))
    page = open_page(f"{base}/searches/s_demo#trial-5")
    dialog = page.get_by_role("dialog", name="Trial 5")
    expect(dialog.locator(".run")).to_have_count(6)
    expect(dialog).to_contain_text("Final training, seed 3")
    dialog.locator("summary", has_text="1 attempt").first.click()
    expect(dialog).to_contain_text("box-1")
    dialog.locator("summary", has_text="8 epochs").first.click()
    expect(dialog.locator("tbody tr:visible")).to_have_count(1 + 8)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.evaluate("location.hash") == ""
    page.get_by_role("button", name="Trial 6, details").press("Enter")
    expect(page.get_by_role("dialog", name="Trial 6")).to_contain_text("below the rung at epoch 2")


def test_cancelling_asks_first(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([going()])
    page = open_page(serve(fake) + "/searches/s_demo")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Keep it running").click()
    expect(page.locator("#cancel-dialog")).to_be_hidden()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#state")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#state")).to_have_text("running")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the search").click()
    expect(page.locator("#state")).to_have_text("cancelled")
    expect(page.locator("#cancel")).to_be_hidden()
    assert fake.actions == ["pause", "resume", "cancel"]


def test_exports_are_downloaded(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished("a/b <c>")])) + "/searches/s_demo")
    expect(page.locator("#state")).to_have_text("succeeded")
    page.locator("#export summary").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Scaling config, JSON").click()
    assert downloading.value.suggested_filename == "a-b-c-.json"
    assert "effscale/scaling-config/1" in Path(downloading.value.path()).read_text(encoding="utf-8")
    expect(page.locator("#export")).not_to_have_attribute("open", "")


def test_an_unknown_search_is_said_to_be_unknown(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([])) + "/searches/nothing", allow="404")
    expect(page.locator("#alert")).to_have_text("There is no such search, or it is not yours.")


def test_the_plan_follows_the_form_and_errors_stand_beside_their_field(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + "/new", allow="422")
    expect(page.locator("#plan-feasible")).to_have_text("27")
    expect(page.locator("#plan-suggestions")).to_contain_text("accept a tolerance of 0.1: 21 more networks")
    page.locator("summary", has_text="Where to look").click()
    page.get_by_label("Resolution multiple").fill("1")
    expect(page.locator("#plan-feasible")).not_to_have_text("27")
    page.get_by_label("Epochs", exact=True).fill("0")
    expect(page.locator("#f-recipe-epochs-error")).to_contain_text("greater than or equal to 1")
    expect(page.get_by_label("Epochs", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Epochs", exact=True).fill("3")
    expect(page.locator("#f-recipe-epochs-error")).to_be_hidden()
    page.get_by_label("β, width, lowest").fill("3")
    page.get_by_label("β, width, highest").fill("1.5")
    expect(page.locator("#f-space-beta-error")).to_contain_text("must not exceed the upper bound")
    page.get_by_label("β, width, lowest").fill("1")
    page.get_by_label("Target cost").fill("9000")
    expect(page.locator("#form-error")).to_contain_text("none of the")
    page.get_by_label("Target cost").fill("")
    page.locator("summary", has_text="Budget and order").click()
    page.get_by_label("Labels").fill("owner")
    expect(page.locator("#f-labels-error")).to_contain_text("key=value")


def test_a_remedy_of_the_plan_is_put_into_the_form(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([finished()])
    page = open_page(f"{serve(fake)}/new")
    warnings = page.locator("#plan-warnings")
    expect(warnings.locator("li.note").first).to_contain_text("Note")
    page.locator("summary", has_text="How to look").click()
    window = page.get_by_label("Results count after")
    expect(window).to_have_value("")
    window.fill("30")
    expect(warnings.locator("li.warning")).to_contain_text("tpe will propose at random")
    page.get_by_role("button", name="Apply sampler.window 8").click()
    expect(window).to_have_value("8")
    expect(warnings.locator("li.warning")).to_have_count(0)
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/searches/**")
    assert [each["spec"]["sampler"]["window"] for each in fake.submitted] == [8]


def test_any_size_and_any_budget_can_be_asked_for(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([finished()])
    page = open_page(serve(fake) + "/new", allow="422")
    expect(page.locator("#plan-feasible")).to_have_text("27")
    page.get_by_label("Target cost").fill("0.5")
    expect(page.locator("#plan-warnings")).to_contain_text("have a coefficient below 1")
    page.get_by_label("Target cost").fill("")
    page.get_by_label("or: at most").fill("4e6")
    expect(page.locator("#plan-feasible")).to_have_text("57")
    page.get_by_label("Further ceilings").fill("params=150000\nmemory_bytes <= 6e7")
    expect(page.locator("#plan-facts")).to_contain_text("removes 49 of 57")
    page.get_by_label("Further ceilings").fill("params")
    expect(page.locator("#f-limits-error")).to_contain_text("write metric=number")
    page.get_by_label("Further ceilings").fill("params=150000")
    page.get_by_role("button", name="Start the search").click()
    expect(page).to_have_url(re.compile("/searches/s_demo$"))
    sent = fake.submitted[0]["spec"]
    assert sent["target"]["at_most"] == 4e6
    assert sent["limits"] == [{"metric": "params", "at_most": 150_000, "table": None}]
    assert sent["space"]["alpha"] == [1.0, 2.0]  # which followed from the target


def test_submitting_twice_starts_one_search(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([finished()])
    base = serve(fake)
    page = open_page(f"{base}/new")
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    expect(page.locator("#plan-feasible")).to_have_text("27")
    page.get_by_role("button", name="Start the search").dblclick()
    expect(page).to_have_url(f"{base}/searches/s_demo")
    assert len({sent["key"] for sent in fake.submitted}) == 1
    assert fake.submitted[0]["spec"]["name"] == HOSTILE
    assert fake.submitted[0]["spec"]["dataset"] == "digits"


def test_a_copy_of_a_search_fills_the_form(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + "/searches/s_demo")
    expect(page.locator("#state")).to_have_text("succeeded")
    page.get_by_role("link", name="Copy to a new search").click()
    expect(page.get_by_label("Tolerance")).to_have_value("0.1")
    expect(page.get_by_label("Name", exact=True)).to_have_value("digits-demo")
    expect(page.locator("#plan-feasible")).to_have_text("88")


def test_a_copy_brings_along_what_has_no_field_and_says_so(serve: Serve, open_page: OpenPage) -> None:
    search = finished()
    first = asdict(catalogue.of(SearchSpec.model_validate(search.spec)).feasible[0].coefficients)
    known = [{**first, "accuracy": 0.8}]
    spec = {**search.spec, "warm_start": {"enqueue": [first], "trials": known}}
    fake = Fake([replace(search, spec=spec)])
    page = open_page(serve(fake) + "/new?from=s_demo")
    expect(page.locator("#carried")).to_contain_text("networks to try first (1), results known before (1).")
    page.get_by_role("button", name="Start the search").click()
    expect(page).to_have_url(re.compile("/searches/s_demo$"))
    assert fake.submitted[0]["spec"]["warm_start"]["trials"] == known
    page.goto(page.url.replace("/searches/s_demo", "/new?from=s_demo"))
    page.get_by_role("button", name="Leave out").click()
    expect(page.locator("#carried")).to_be_hidden()
    expect(page.locator("#spec")).not_to_contain_text('accuracy": 0.8')
    page.get_by_role("button", name="Start the search").click()
    expect(page).to_have_url(re.compile("/searches/s_demo$"))
    assert fake.submitted[1]["spec"]["warm_start"]["trials"] == []


def test_a_stage_table_of_ones_own_is_sent_as_a_table(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([finished()])
    base = serve(fake)
    page = open_page(f"{base}/new", allow="422")
    expect(page.locator("#plan-feasible")).to_have_text("27")
    page.get_by_label("Baseline").select_option(label="a stage table of my own…")
    table = page.get_by_label("Stage table as JSON")
    table.fill("{")
    expect(page.locator("#f-baseline-error")).to_contain_text("not JSON")
    table.fill('{"stages": []}')
    expect(page.locator("#f-baseline-error")).not_to_be_empty()


def test_a_diagnosis_stands_in_the_table_with_its_rule_and_its_curves(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + "/searches/s_demo")
    label = page.locator(f'{ROWS}[data-key="{OVERFITTED}"] [data-diagnosis]')
    expect(label).to_have_text("overfits")
    expect(label).to_have_attribute("title", re.compile(r"training 98\.4 %, validation 90\.4 %: a gap of 8\.0 points"))
    expect(page.locator(f'{ROWS}[data-key="0"] [data-diagnosis]')).to_have_text("fits")
    page.locator(f'{ROWS}[data-key="{OVERFITTED}"]').get_by_role("button").click()
    expect(page.locator("#trial-body .diagnosis")).to_contain_text("a gap of 8.0 points, more than 5.0")
    expect(page.locator("#trial-body")).to_contain_text("after the best, 8; the last counts")
    accuracy, loss = page.locator(".curve svg").all()
    expect(accuracy.locator("polyline")).to_have_count(2)
    expect(accuracy.locator("polygon.gap")).to_have_count(1)
    expect(accuracy.locator("line.best")).to_have_count(1)
    expect(loss.locator("polyline")).to_have_count(2)
    expect(page.locator(".curve figcaption").first).to_contain_text("gap at the end +8.0 points")


def test_a_preset_fills_in_the_recipe_which_may_be_changed_then(serve: Serve, open_page: OpenPage) -> None:
    fake = Fake([finished()])
    base = serve(fake)
    page = open_page(f"{base}/new")
    expect(page.locator("#plan-feasible")).to_have_text("27")
    for group in ("Training recipe", "Against overfitting", "Augmentation", "Weights to start from"):
        page.locator("summary", has_text=group).click()
    page.get_by_label("Preset").select_option("proxy-short")
    expect(page.get_by_label("Epochs", exact=True)).to_have_value("10")
    expect(page.get_by_label("Dropout", exact=True)).to_have_value(re.compile("per_doubling"))
    expect(page.get_by_label("Random flip")).to_be_checked()
    page.get_by_label("Random flip").uncheck()
    page.get_by_label("Stochastic depth").fill("0.1")
    page.get_by_label("Random crop, lowest").fill("0.5")
    page.get_by_label("Weights", exact=True).select_option("parent")
    page.get_by_label("Grow a smaller parent").check()
    page.get_by_role("button", name="Start the search").click()
    expect(page).to_have_url(f"{base}/searches/s_demo")
    sent = fake.submitted[0]["spec"]
    recipe = sent["recipe"]
    assert (recipe["epochs"], recipe["flip"], recipe["drop_path"]) == (10, False, 0.1)
    assert (recipe["crop_area"], recipe["dropout"]["per_doubling"]) == ([0.5, 1.0], 0.045)
    assert sent["start"] == {"weights": "parent", "layout": "effscale", "grow": True, "sha256": None}


def test_a_rate_that_is_neither_a_number_nor_a_rule_is_told_at_its_field(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(Fake([finished()])) + "/new", allow="422")
    expect(page.locator("#plan-feasible")).to_have_text("27")
    page.locator("summary", has_text="Against overfitting").click()
    page.get_by_label("Dropout", exact=True).fill("a little")
    expect(page.locator("#f-recipe-dropout-error")).to_contain_text("or a rule as JSON")
    page.get_by_label("Dropout", exact=True).fill("2")
    expect(page.locator("#f-recipe-dropout-error")).to_contain_text("below 1")


def _sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("path", ["/", "/new", "/searches/s_demo"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(serve: Serve, open_page: OpenPage, path: str, dark: bool) -> None:
    page = open_page(serve(Fake([finished()])) + path, width=390, dark=dark)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    assert not _sideways(page)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", background)[:3])
    assert (brightness < 3 * 64) == dark
