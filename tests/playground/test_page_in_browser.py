"""The page as a browser shows it, from the command to Ctrl-C: at three widths, light and dark."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import tried

SCREENSHOTS = tiny.ROOT / ".unroll" / "screenshots"
TEXT = "The splendid lamp by a kazoo"
MARKUP = '<img src=x onerror="window.ran = 1"> <script>window.ran = 2</script> a&amp;b'
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (...layers) => {
    for (const layer of layers) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
    const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255)
      .map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2];
  };
  return Math.min(...[...document.querySelectorAll(".word")].map((word) => {
    const own = getComputedStyle(word);
    const card = getComputedStyle(word.closest(".card") || document.body).backgroundColor;
    const pair = [light(own.color), light(card, own.backgroundColor)].sort((a, b) => b - a);
    return (pair[0] + .05) / (pair[1] + .05);
  }));
}"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "unroll", "try", "--port", "0", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(tiny.ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def address_of(server: subprocess.Popen[str]) -> tuple[str, str]:
    """Return where the page is, and what was said before."""
    said = ""
    for line in server.stdout:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0], said
    raise AssertionError(said + server.stderr.read())


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    server = start(tried.write(tmp_path_factory.mktemp("project")))
    try:
        found, said = address_of(server)
        assert f"{tried.CORPUS}: bow, gru, heeding" in said
        assert "tiny_rows: absent: seeds 1, 2 not trained: run make repro SUITE=keep" in said
        yield found
    finally:
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=30)
    assert server.returncode == 0, err
    assert "ended" in out
    assert err == ""


@pytest.fixture
def opened(browser, address):
    """Open the page; whatever it complains of, asks for or is answered is collected."""
    contexts = []

    def open_page(width: int = 1200, scheme: str = "light", corpus: str = ""):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        tab = context.new_page()
        tab.complaints, tab.requests, tab.answers = [], [], []
        tab.on("console", lambda message: tab.complaints.append(message.text))
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.on("request", lambda request: tab.requests.append(request.url))
        tab.goto(f"{address}/#{corpus}")
        tab.wait_for_selector("#corpora button")
        return tab

    yield open_page
    for context in contexts:
        context.close()


def typed(tab, text: str = TEXT) -> None:
    """Type a text and wait for the answer of every network."""
    tab.fill("#text", text)
    answered(tab)


def answered(tab, networks: int = len(tried.TRAINED)) -> None:
    tab.wait_for_function(
        "count => document.querySelectorAll('.card[aria-busy=false] .words').length === count", arg=networks
    )
    tab.wait_for_function("() => / say/.test(document.querySelector('#verdict').textContent)")


def percents(tab, network: str) -> list[float]:
    cells = tab.locator(f"[data-network={network}] .bars .number").all_inner_texts()
    return [float(re.match(r"[\d.]+", cell)[0]) for cell in cells]


@pytest.mark.parametrize("width", [360, 820, 1440])
def test_every_network_answers_a_text_that_is_typed(opened, address, width):
    tab = opened(width)
    typed(tab)
    names = tab.locator(".card").evaluate_all("cards => cards.map(card => card.dataset.network)")
    assert names == tried.TRAINED
    for network in names:
        shares = percents(tab, network)
        assert sum(shares) == pytest.approx(100, abs=0.2)
        label = tab.inner_text(f"[data-network={network}] .best b")
        assert label == tried.LABELS[shares.index(max(shares))]
        assert tab.locator(f"[data-network={network}] .seed").count() == len(tried.SEEDS) * len(tried.LABELS)
        assert tab.locator(f"[data-network={network}] .word").all_inner_texts() == TEXT.lower().split()
        assert tab.locator(f"[data-network={network}] .word.unknown").all_inner_texts() == ["kazoo"]
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= width
    assert tab.complaints == []
    assert all(url.startswith((f"{address}/", "data:")) for url in tab.requests)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_timeout(400)  # cards fade in
        tab.screenshot(path=SCREENSHOTS / f"try-{width}-{scheme}.png", full_page=True)
        assert tab.evaluate(CONTRAST) >= 4.5


def test_words_are_tinted_by_attention_where_there_is_some_and_by_their_effect_on_request(opened):
    tab = opened()
    typed(tab)
    heeding, gru = (f"[data-network={name}] .word" for name in ("heeding", "gru"))
    assert tab.locator(f"{heeding}.attends").count() == 6
    assert tab.locator(f"{gru}.for, {gru}.against").count() == 6
    shares = tab.locator(heeding).evaluate_all("words => words.map(word => Number(word.title.split(',')[0]))")
    assert sum(shares) == pytest.approx(1, abs=0.01)
    tab.click("[data-tint=saliency]")
    assert tab.locator(f"{heeding}.attends").count() == 0
    assert tab.locator(f"{heeding}.for, {heeding}.against").count() == 6


def test_the_strongest_word_has_the_strongest_tint(opened):
    tab = opened()
    typed(tab)
    pairs = tab.locator("[data-network=bow] .word").evaluate_all(
        """words => words.map(word => [Math.abs(Number(word.title.split(',')[0].replace('−', '-'))),
                                     parseFloat(word.style.getPropertyValue('--share'))])"""
    )
    assert max(share for _, share in pairs) == 50
    assert sorted(pairs) == sorted(pairs, key=lambda pair: pair[1])


def test_markup_is_shown_as_it_was_typed_and_does_not_run(opened):
    tab = opened()
    typed(tab, MARKUP)
    assert tab.locator("#cards img, #cards script").count() == 0
    shown = tab.locator("[data-network=gru] .words").inner_text()
    assert "<" in shown and "script" in shown
    assert tab.evaluate("() => window.ran") is None
    assert tab.complaints == []
    # The policy stops even what is not escaped.
    hole = "() => { try { document.body.innerHTML = '<img src=x onerror=\"window.ran = 3\">' } catch {} }"
    tab.evaluate(hole)
    tab.wait_for_timeout(100)
    assert tab.evaluate("() => window.ran") is None


def test_the_keyboard_alone_is_enough(opened):
    tab = opened()
    assert tab.evaluate("() => document.activeElement.id") == "text"  # one may write at once
    tab.keyboard.type("a lamp")
    tab.keyboard.press("Enter")
    answered(tab)
    assert tab.input_value("#text") == "a lamp"
    tab.keyboard.press("Shift+Enter")
    assert tab.input_value("#text") == "a lamp\n"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")  # the first example
    assert tab.input_value("#text") == tab.locator("#examples button").first.inner_text()
    answered(tab)
    tab.locator("[data-network=gru] summary").focus()
    tab.keyboard.press("Enter")
    rows = tab.locator("[data-network=gru] details tbody tr")
    rows.first.wait_for()
    assert rows.count() == tab.locator("[data-network=gru] .word").count()


def test_what_is_missing_is_named_and_a_corpus_without_networks_says_so(opened):
    tab = opened()
    assert "absent: seeds 1, 2 not trained: run make repro" in tab.inner_text("#missing")
    tab.click(f"[data-corpus={tried.EMPTY}]")
    assert tab.locator(".card").count() == 0
    assert "vocabulary.txt is missing" in tab.inner_text("#missing")
    assert tab.evaluate("() => location.hash") == f"#{tried.EMPTY}"
    assert opened(corpus=tried.EMPTY).get_attribute(f"[data-corpus={tried.EMPTY}]", "aria-pressed") == "true"


def test_what_was_typed_last_is_what_is_shown_however_slow_the_answers_are(opened):
    tab = opened()
    waiting = []

    def slow(route):
        if json.loads(route.request.post_data)["text"] == "a lamp":
            waiting.append(route)  # never answered
        else:
            route.continue_()

    tab.route("**/read", slow)
    tab.fill("#text", "a lamp")
    tab.wait_for_timeout(600)
    assert len(waiting) == 1
    typed(tab, "splendid")
    assert tab.locator("[data-network=gru] .word").all_inner_texts() == ["splendid"]


def test_an_empty_box_has_no_answers(opened):
    tab = opened()
    typed(tab)
    tab.fill("#text", "  ")
    tab.wait_for_function("() => !document.querySelector('.words')")
    assert "Write something" in tab.inner_text("#verdict")


def test_a_refusal_and_a_server_that_is_gone_are_told_in_the_card(opened):
    tab = opened()
    reason = {"error": "seed 2 <b>gives</b> no numbers"}
    tab.route("**/read", lambda route: route.fulfill(status=409, json=reason))
    tab.fill("#text", TEXT)
    tab.wait_for_selector("[data-network=heeding] .caution")
    assert tab.inner_text("[data-network=gru] .caution") == reason["error"]
    tab.unroute("**/read")
    tab.route("**/read", lambda route: route.abort())
    tab.fill("#text", "a lamp")
    tab.wait_for_function(
        "() => /still running/.test(document.querySelector('.caution:not([hidden])').textContent)"
    )
