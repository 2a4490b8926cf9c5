"""The page as a browser shows it: from its file, with no network, at three widths, light and dark."""

import functools
import http.server
import json
import shutil
import threading
from pathlib import Path

import documents as invented
import pytest

from unroll.report import page

SCREENSHOTS = Path(__file__).resolve().parents[2] / ".unroll" / "screenshots"
DOCUMENTS = invented.documents(next_word=True)
ALL_DRAWN = "[...document.querySelectorAll('.plot')].every(plot => plot.querySelector('svg path, svg text'))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The page of two corpora with next words and ranks, and times beside it."""
    folder = tmp_path_factory.mktemp("reports")
    over = invented.over_corpora(DOCUMENTS, enough=True)
    (folder / "index.html").write_text(page.render(DOCUMENTS, over), encoding="utf-8")
    times = json.dumps(invented.times(DOCUMENTS))
    (folder / "times.js").write_text(f"window.unrollTimes = {times};\n", encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser, folder):
    """Open the page at a width and colour scheme; whatever it complains of or asks for is collected."""
    contexts = []

    def open_page(width: int = 1200, scheme: str = "light", address: str = "", at: Path = folder):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True
        )
        contexts.append(context)
        tab = context.new_page()
        tab.complaints, tab.requests = [], []
        tab.on("console", lambda message: tab.complaints.append(message.text))
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.on("request", lambda request: tab.requests.append(request.url))
        tab.goto((at / "index.html").as_uri() + address)
        return tab

    yield open_page
    for context in contexts:
        context.close()


def draw_all(tab) -> None:
    """Scroll through the page, as figures are drawn when they come into view."""
    for place in tab.query_selector_all("[data-slot]"):
        if place.is_visible():
            place.scroll_into_view_if_needed()
            tab.wait_for_function("place => place.querySelector('.plot svg')", arg=place)
    tab.evaluate("scrollTo(0, 0)")


@pytest.mark.parametrize("width", [360, 820, 1440])
def test_every_figure_is_drawn_without_a_complaint_or_a_request(opened, folder, width):
    tab = opened(width)
    draw_all(tab)
    assert tab.evaluate(ALL_DRAWN)
    assert tab.complaints == []
    assert {url for url in tab.requests if not url.startswith("data:")} == {
        (folder / name).as_uri() for name in ("index.html", "times.js")
    }
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        tab.screenshot(path=SCREENSHOTS / f"page-{width}-{scheme}.png", full_page=True)


def test_a_strangers_markup_does_not_run(opened):
    tab = opened()
    draw_all(tab)
    assert tab.get_by_text("window.ran = 1").count() >= 2  # a hard row and a disagreement
    assert tab.evaluate("window.ran") is None
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 3\">')")
    tab.wait_for_timeout(100)
    assert tab.evaluate("window.ran") is None  # the policy stops even what is not escaped


def test_a_chip_of_a_corpus_leaves_that_corpus_alone(opened):
    tab = opened()
    tab.click("button[data-corpora=notes]")
    assert not tab.is_visible("section[data-corpus=films]") and tab.is_visible("section[data-corpus=notes]")
    tab.click("button[data-corpora='']")
    assert tab.is_visible("section[data-corpus=films]")


def test_a_chip_of_a_network_leaves_it_alone_in_tables_and_figures(opened):
    tab = opened()
    draw_all(tab)
    tab.click("button[data-networks=gru]")
    rows = tab.locator("table[data-csv=films-scores] tr[data-network]")
    assert [row.is_visible() for row in rows.all()].count(True) == 1
    assert not tab.is_visible("#films-pairs") and not tab.is_visible("#films-next-word")
    tab.locator("#films-seeds").scroll_into_view_if_needed()
    tab.wait_for_function("() => document.querySelector('#films-seeds svg').textContent.includes('gru')")
    tab.wait_for_function("() => !document.querySelector('#films-seeds svg').textContent.includes('bilstm')")


def test_a_view_can_be_linked(opened):
    tab = opened()
    tab.click("button[data-networks=gru]")
    tab.click("button[data-networks=lstm]")
    tab.click("button[data-corpora=films]")
    tab.click("#films-seeds [data-choice=films-seeds-loss]")
    address = tab.evaluate("location.hash")
    again = opened(address=address)
    assert again.get_attribute("button[data-networks=lstm]", "aria-pressed") == "true"
    assert again.get_attribute("button[data-networks=bow]", "aria-pressed") == "false"
    assert not again.is_visible("section[data-corpus=notes]")
    assert "loss" in again.inner_text("#films-seeds .axes")


def test_an_address_with_names_that_do_not_exist_shows_everything(opened):
    tab = opened(address="#?corpora=nothing&networks=nobody&show=none")
    assert tab.is_visible("section[data-corpus=films]")
    assert tab.get_attribute("button[data-networks='']", "aria-pressed") == "true"


def test_the_filters_work_from_the_keyboard(opened):
    tab = opened()
    tab.focus("button[data-corpora=films]")
    tab.keyboard.press("Enter")
    assert not tab.is_visible("section[data-corpus=notes]")


def test_figures_follow_the_colour_scheme_without_being_drawn_anew(opened):
    tab = opened(scheme="light")
    tab.locator("#films-seeds").scroll_into_view_if_needed()
    label = tab.wait_for_selector("#films-seeds svg text")
    colour = "label => getComputedStyle(label).fill"
    light = label.evaluate(colour)
    tab.emulate_media(color_scheme="dark")
    assert label.evaluate(colour) != light


@pytest.mark.parametrize("kind", ["svg", "png", "csv"])
def test_a_figure_can_be_saved(opened, tmp_path, kind):
    tab = opened()
    tab.locator("#films-seeds").scroll_into_view_if_needed()
    tab.wait_for_selector("#films-seeds svg")
    with tab.expect_download() as download:
        tab.click(f"#films-seeds [data-save={kind}]")
    assert download.value.suggested_filename == f"films-seeds.{kind}"
    download.value.save_as(tmp_path / "saved")
    content = (tmp_path / "saved").read_bytes()
    if kind == "png":
        assert content.startswith(b"\x89PNG") and len(content) > 10_000
    elif kind == "svg":
        assert content.startswith(b"<svg") and b"bilstm" in content and b"var(--" not in content
    else:
        lines = content.decode("utf-8").splitlines()
        assert lines[0].startswith("network,mean,std,low,high") and len(lines) == 8
    assert tab.complaints == []


def test_a_table_can_be_saved(opened, tmp_path):
    tab = opened()
    with tab.expect_download() as download:
        tab.click("[data-table=films-scores]")
    download.value.save_as(tmp_path / "saved")
    lines = (tmp_path / "saved").read_text(encoding="utf-8").splitlines()
    best = DOCUMENTS[0]["tasks"][0]["networks"][0]
    assert lines[1].startswith(f"{best['name']},{best['scores']['accuracy']['group']},")
    assert len({line.count(",") for line in lines}) == 1


def test_two_chosen_networks_show_the_texts_on_which_they_disagree(opened):
    tab = opened()
    names = [network["name"] for network in DOCUMENTS[0]["tasks"][0]["networks"]]
    part = tab.locator("#films-disagreements")
    part.locator("[data-side=a]").select_option(names[4])
    part.locator("[data-side=b]").select_option(names[2])
    pair = next(
        one
        for one in DOCUMENTS[0]["tasks"][0]["disagreements"]
        if {one["a"], one["b"]} == {names[2], names[4]}
    )
    said = part.locator("footer").all_text_contents()
    assert said == [f"test row {row['row']}" for row in pair["rows"]]
    part.locator("[data-side=b]").select_option(names[4])
    assert "two different networks" in part.inner_text()


def test_measured_times_are_shown_only_where_they_lie_beside_the_page(opened, folder, tmp_path):
    there = opened()
    assert there.is_visible("[data-csv=films-costs] td[data-time=seconds]")
    there.click("#films-cost [data-choice=films-cost-measured-seconds]")
    there.wait_for_function(
        "() => document.querySelector('#films-cost svg')?.textContent.includes('seconds')"
    )
    shutil.copy(folder / "index.html", tmp_path)
    gone = opened(at=tmp_path)
    assert not gone.is_visible("[data-csv=films-costs] td[data-time=seconds]")
    assert gone.locator("[data-choice=films-cost-measured-seconds]").count() == 0
    # A script that is missing cannot be silent in Chromium; nothing else may be said.
    assert len(gone.complaints) == 1 and "ERR_FILE_NOT_FOUND" in gone.complaints[0]


def test_pointing_at_a_network_lets_the_others_step_back(opened):
    tab = opened()
    tab.locator("#films-cost").scroll_into_view_if_needed()
    tab.wait_for_selector("#films-cost svg")
    marks = "[...document.querySelectorAll('#films-cost svg [opacity]')]"
    faint = f"{marks}.filter(mark => mark.getAttribute('opacity') < 0.2).length"
    assert tab.evaluate(faint) == 0
    tab.hover("button[data-networks=gru]")
    tab.wait_for_function(f"() => {faint} > 5")


def test_print_shows_every_corpus_with_all_figures_and_no_controls(opened):
    tab = opened()
    tab.click("button[data-corpora=films]")
    tab.emulate_media(media="print")
    assert tab.is_visible("section[data-corpus=notes]")
    assert not tab.is_visible(".bar") and not tab.is_visible(".save")
    tab.emulate_media(media="null")
    paper = tab.pdf(path=SCREENSHOTS / "page.pdf")
    assert paper.startswith(b"%PDF")
    assert tab.evaluate(ALL_DRAWN)


def test_the_page_works_from_a_server_too(browser, folder):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tab = browser.new_page()
        complaints: list[str] = []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        tab.locator("#films-seeds").scroll_into_view_if_needed()
        tab.wait_for_selector("#films-seeds svg")
        assert tab.is_visible("[data-csv=films-costs] td[data-time=seconds]")
        assert complaints == []
        tab.close()
        server.shutdown()


def test_without_javascript_the_answer_and_the_tables_are_there(browser, folder):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((folder / "index.html").as_uri())
    assert tab.is_visible(".card .verdict") and tab.is_visible("table[data-csv=notes-scores]")
    assert not tab.is_visible(".bar") and not tab.is_visible(".plot")
    context.close()


def test_twenty_networks_are_drawn_too(browser, tmp_path):
    documents = invented.documents(networks=20, seeds=5)
    (tmp_path / "index.html").write_text(
        page.render(documents, invented.over_corpora(documents)), encoding="utf-8"
    )
    (tmp_path / "times.js").write_text("window.unrollTimes = {};\n", encoding="utf-8")
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto((tmp_path / "index.html").as_uri() + "#?corpora=films")
    draw_all(tab)
    assert complaints == []
    tab.screenshot(path=SCREENSHOTS / "page-twenty-networks.png", full_page=True)
    tab.close()
