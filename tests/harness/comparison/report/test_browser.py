"""The page in a real browser: Debian's chromium, driven by playwright; skipped where either is missing."""

from __future__ import annotations

import itertools
import shutil

import pytest

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, page, tmp_path):
    """A function of a viewport: the report, opened from its file; it fails the test where anything is complained of or
    asked for."""
    path = tmp_path / "report.html"
    path.write_text(page)
    complaints, requests, contexts = [], [], []

    def open_it(viewport=WIDE, **settings):
        contexts.append(browser.new_context(viewport=viewport, **settings))
        opened = contexts[-1].new_page()
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("request", lambda request: requests.append(request.url))
        opened.goto(path.as_uri())
        return opened

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == [] and set(requests) == {path.as_uri()}


def column(opened, number, view="all"):
    rows = f"#comparison tbody[data-view={view}] tr"
    return opened.eval_on_selector_all(rows, f"rows => rows.map(row => row.cells[{number}].dataset.value)")


def shown(opened):
    rows = "#comparison tbody:not([hidden]) tr:not([hidden])"
    return opened.eval_on_selector_all(rows, "rows => rows.map(row => row.cells[0].dataset.value)")


def test_a_click_sorts_and_another_turns_the_order(open_page):
    opened = open_page()
    heading = opened.locator("#comparison thead th", has_text="GE")
    number = heading.evaluate("th => th.cellIndex")
    heading.get_by_role("button").click()
    rising = [float(value) for value in column(opened, number)]
    assert rising == sorted(rising) and heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").click()
    assert [float(value) for value in column(opened, number)] == rising[::-1]
    assert heading.get_attribute("aria-sort") == "descending" and opened.locator("th[aria-sort]").count() == 1


def test_the_keyboard_sorts_as_well_the_largest_share_first(open_page):
    opened = open_page()
    heading = opened.locator("#comparison thead th", has_text="cov")
    heading.get_by_role("button").focus()
    opened.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(opened, heading.evaluate("th => th.cellIndex"))[-1] == "0.75"


def test_rows_without_a_figure_stay_last(open_page):
    opened = open_page()
    heading = opened.locator("#comparison thead th", has_text="AURC")
    for _ in range(2):
        heading.get_by_role("button").click()
        values = column(opened, heading.evaluate("th => th.cellIndex"))
        assert values[0] is not None and values[1:] == [None] * 4


def test_the_filter_and_the_box_hide_rows_and_the_count_says_so(open_page):
    opened = open_page()
    assert len(shown(opened)) == 5
    opened.get_by_label("rows that check the harness").uncheck()
    assert "zero" not in shown(opened) and opened.locator("#count").inner_text() == "4 of 5 rows"
    opened.get_by_label("Filter").fill("OO")
    assert shown(opened) == ["good"]
    opened.get_by_label("Filter").fill("")
    opened.get_by_label("rows that check the harness").check()
    assert len(shown(opened)) == 5 and opened.locator("#count").inner_text() == ""


def test_another_view_has_its_own_figures_and_samples(open_page):
    opened = open_page()
    number = opened.locator("#comparison thead th").all_inner_texts().index("n")
    assert set(column(opened, number)) == {"80"}
    opened.get_by_label("View").select_option("common")
    assert set(column(opened, number, "common")) == {"60"} and len(shown(opened)) == 5
    assert "view 'common'" in opened.locator("#comparison caption").inner_text()
    opened.get_by_label("Filter").fill("good")
    assert shown(opened) == ["good"]


def test_an_estimator_is_taken_out_of_every_chart_and_put_back(open_page):
    opened = open_page()
    lines = lambda: opened.locator("#chart-cumulative path.curve").count()  # noqa: E731
    button = opened.locator("#legend button", has_text="good")
    assert lines() == 4 and opened.locator("#legend button[aria-pressed=false]").inner_text() == "zero"
    button.click()
    assert lines() == 3 and button.get_attribute("aria-pressed") == "false"
    button.click()
    assert lines() == 4


def test_a_cumulative_curve_goes_in_steps_to_the_right_edge(open_page):
    opened = open_page()
    paths = opened.locator("#chart-cumulative path.curve").evaluate_all("all => all.map(own => own.getAttribute('d'))")
    ends = set()
    for path in paths:
        points = [tuple(map(float, point.split())) for point in path[1:].split("L")]
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in itertools.pairwise(points))
        ends.add(points[-1][0])
    assert len(paths) == 4 and len(ends) == 1


def test_hovering_says_what_stands_there(open_page):
    opened = open_page()
    opened.locator("#chart-cumulative svg").hover(position={"x": 300, "y": 100})
    tip = opened.locator("#chart-cumulative .tip")
    assert tip.is_visible() and "good" in tip.inner_text() and "%" in tip.inner_text()
    opened.locator("h1").hover()
    assert not tip.is_visible()


def test_every_choice_of_a_chart_is_drawn(open_page):
    opened = open_page()
    for axis in ("yaw", "roll", "abs-yaw", "pitch"):
        opened.get_by_label("Angle", exact=True).select_option(axis)
        for measure in ("mae", "vmae", "ge"):
            select = opened.locator("#chart-error").get_by_label("Error", exact=True)
            select.select_option(measure)
            assert f"true {axis.replace('abs-yaw', '|yaw|')} (degrees)" in opened.locator("#chart-error").inner_text()
            assert opened.locator("#chart-error path.curve").count() == 4


def test_samples_without_a_prediction_are_crosses_in_view_all_and_gone_in_the_others(open_page):
    opened = open_page()
    opened.get_by_label("Estimator", exact=True).select_option(label="lacking")
    assert opened.locator("#chart-angles path.none").count() == 3
    assert "20 samples without a prediction" in opened.locator("#chart-angles .note").inner_text()
    opened.get_by_label("View").select_option("detected")
    assert opened.locator("#chart-angles path.none").count() == 0


def test_an_attack_in_a_label_is_shown_and_does_nothing(open_page):
    opened = open_page()
    assert opened.title() == "d/all: hpe-bench"
    assert opened.locator("#legend button", has_text="<script>document.title").count() == 1


def test_an_attack_that_would_get_into_the_page_is_stopped_by_the_policy(browser, page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page.replace("</body>", "<script>document.title='taken'</script></body>"))
    opened = browser.new_page()
    opened.goto(path.as_uri())
    assert opened.title() == "d/all: hpe-bench"
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_the_page_does_not_scroll_sideways_and_the_table_does_within_its_box(open_page, scheme):
    opened = open_page(PHONE, color_scheme=scheme)
    opened.eval_on_selector_all("details", "all => all.forEach(own => own.open = true)")
    assert opened.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    wide, seen = opened.eval_on_selector(".box", "box => [box.scrollWidth, box.clientWidth]")
    assert wide > seen
    assert opened.locator("tbody th").first.evaluate("th => th.clientWidth") > 90
    dark = opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 27)"
    assert dark == (scheme == "dark")


def test_on_paper_it_is_light_and_without_controls(open_page):
    opened = open_page(color_scheme="dark")
    opened.emulate_media(media="print")
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not opened.get_by_label("Filter").is_visible() and opened.locator("#comparison").is_visible()


def test_a_link_of_the_table_opens_the_estimators_section(open_page):
    opened = open_page()
    section = opened.locator("details.estimator", has_text="lacking").first
    assert section.get_attribute("open") is None
    opened.locator("#comparison tbody:not([hidden]) a", has_text="lacking").click()
    assert section.get_attribute("open") is not None
