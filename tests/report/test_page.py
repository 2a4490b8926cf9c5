import copy
import html
import json
import re
import time

import documents as invented
import pytest

from unroll.report import page

DOCUMENTS = invented.documents(next_word=True)
OVER = invented.over_corpora(DOCUMENTS)
PAGE = page.render(DOCUMENTS, OVER)
TEXT = html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"(?s)<(script|style).*?</\1>", "", PAGE)))
DATA = json.loads(re.search(r'(?s)<script type="application/json" id="data">(.*?)</script>', PAGE)[1])


def rendered_with(change) -> str:
    document = copy.deepcopy(DOCUMENTS[0])
    change(document)
    found = page.render([document], invented.over_corpora([document]))
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"(?s)<(script|style).*?</\1>", "", found)))


def test_the_same_documents_give_the_same_page_byte_for_byte():
    assert page.render(invented.documents(next_word=True), OVER) == PAGE


def test_nothing_but_the_pages_own_scripts_may_run_and_nothing_may_be_fetched():
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', PAGE)[1]
    rules = dict(rule.split(" ", 1) for rule in html.unescape(policy).split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert rules["script-src"].count("sha256-") == 2


def test_the_policy_names_the_checksums_of_what_the_page_holds():
    scripts = re.findall(r"(?s)<script>(.*?)</script>", PAGE)
    styles = re.findall(r"(?s)<style>(.*?)</style>", PAGE)
    assert (len(scripts), len(styles)) == (2, 1)
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', PAGE)[1])
    for text in scripts + styles:
        assert page._hash(text) in policy
    assert " style=" not in PAGE.replace(scripts[0], "")


def test_the_only_file_that_the_page_may_read_is_the_one_of_times():
    markup = re.sub(r"(?s)<script.*?</script>", lambda found: found[0].split(">")[0] + ">", PAGE)
    assert re.findall(r'\ssrc="([^"]+)"', markup) == ["times.js"]
    assert not re.findall(r'href="(?!#|data:)([^"]+)"', markup)


def test_a_strangers_markup_stays_text():
    assert "<script>window.ran" not in PAGE
    assert "<img" not in re.sub(r"(?s)<script>.*?</script>", "", PAGE)
    assert invented.HOSTILE in TEXT
    assert DATA["tasks"][0]["texts"]["100"]["text"] == invented.HOSTILE


def test_the_answer_and_its_sentence_stand_before_anything_else_of_a_corpus():
    for document in DOCUMENTS:
        for task in document["tasks"]:
            verdict = task["verdict"].replace(" %", "\N{NO-BREAK SPACE}%")
            assert TEXT.index(verdict) < TEXT.index("Every seed, with both intervals")


def test_a_winner_that_was_not_told_apart_is_not_called_one():
    def set_p(p: float):
        def change(document: dict) -> None:
            for pair in document["tasks"][0]["pairs"]:
                pair["p_holm"] = p

        return change

    unsure, sure = rendered_with(set_p(0.2)), rendered_with(set_p(0.001))
    assert "best mean, no clear winner" in unsure and "Not told apart from" in unsure
    assert "told apart from all others" in sure and "Told apart from every other network" in sure
    assert "no clear winner" not in sure.split("films, next words")[0]


def test_a_mirror_differences_and_a_starter_corpus_are_said_beside_the_answer():
    cards = TEXT[: TEXT.index("Every seed")]
    assert "The data come from a mirror of the Hub" in cards
    assert "Not the pinned data: train: 4100 rows where 4000 are expected." in cards
    assert "A starter corpus" in cards


def test_a_warning_that_is_a_difference_too_is_said_once():
    notes = page._notes(DOCUMENTS[1])
    assert len([note for note in notes if "4100 rows" in note]) == 1


def test_data_as_pinned_from_the_hub_bring_no_warning():
    def change(document: dict) -> None:
        document["source"] |= {"from": "hub", "differences": []}
        document["warnings"] = []

    assert "Not the pinned data" not in rendered_with(change)


def test_the_table_has_every_network_and_every_published_figure():
    for document in DOCUMENTS:
        for task in document["tasks"]:
            slug = document["corpus"] + ("-next-word" if task["task"] == "next_word" else "")
            table = re.search(rf'(?s)<table data-csv="{slug}-scores">.*?</table>', PAGE)[0]
            rows = re.findall(r'<tr data-network="([^"]+)"', table)
            assert rows == [network["name"] for network in task["networks"]]
            for one in task["references"]:
                assert one["system"] in html.unescape(table)


def test_every_figure_has_a_place_and_every_place_a_figure():
    slots = re.findall(r'data-slot="([^"]+)"', PAGE)
    assert len(slots) == len(set(slots))
    assert set(slots) == {figure["slot"] for figure in DATA["figures"]}
    assert {figure["slot"] for figure in DATA["measured"]} <= set(slots)


def test_names_in_the_page_are_unique():
    names = re.findall(r'\sid="([^"]+)"', re.sub(r"(?s)<script.*?</script>", "", PAGE))
    assert len(names) == len(set(names))


def test_too_few_corpora_are_said_to_be_too_few():
    assert OVER["why"] in TEXT
    enough = page.render(DOCUMENTS, invented.over_corpora(DOCUMENTS, enough=True))
    assert 'data-slot="corpora-ranks"' in enough


@pytest.mark.parametrize("seeds", [1, 3])
def test_missing_intervals_are_left_out(seeds):
    document = invented.document("films", ["gru", "lstm"], seeds)
    if seeds == 1:
        for network in document["tasks"][0]["networks"]:
            for score in network["scores"].values():
                score |= {"both_low": None, "both_high": None}
        for pair in document["tasks"][0]["pairs"]:
            pair |= {"low": None, "high": None}
    text = page.render([document], invented.over_corpora([document]))
    assert ("over seeds<br>" in text or "over seeds</span>" in text) == (seeds == 3)


def test_two_hundred_runs_take_less_than_6_megabytes_and_20_seconds():
    documents = invented.documents(networks=20, seeds=5)
    started = time.process_time()
    found = page.render(documents, invented.over_corpora(documents))
    assert len(found.encode("utf-8")) < 6e6
    assert time.process_time() - started < 20


def test_the_floor_stands_in_both_tables_and_beside_the_answer_and_is_no_network():
    documents = [invented.with_floor(one) for one in DOCUMENTS]
    found = page.render(documents, invented.over_corpora(documents))
    for kind, cells in (("scores", 1), ("costs", 1)):
        table = re.search(rf'(?s)<table data-csv="films-{kind}">.*?</table>', found)[0]
        assert table.count("tfidf <small>TF-IDF and logistic regression") == cells
        assert 'data-network="tfidf"' not in table
        columns = {len(re.findall("<t[hd]", row)) for row in re.findall(r"(?s)<tr.*?</tr>", table)}
        assert len(columns) == 1
    assert '<button type="button" data-networks="tfidf"' not in found
    card = html.unescape(re.sub(r"<[^>]+>", "", found[: found.index("Every seed")]))
    assert "To hold it againstTF-IDF and logistic regression 4" in card
    assert "against tfidf" not in card


def test_an_ensemble_stands_in_both_tables_with_its_weights_and_is_no_network():
    documents = [invented.with_floor(one, ensemble=True) for one in DOCUMENTS]
    found = page.render(documents, invented.over_corpora(documents))
    weights = documents[0]["tasks"][0]["ensembles"][0]["networks"]
    said = " + ".join(f"{name} {weight}" for name, weight in weights.items())
    for kind in ("scores", "costs"):
        table = re.search(rf'(?s)<table data-csv="films-{kind}">.*?</table>', found)[0]
        assert table.count(f"both <small>{said}</small>") == 1
        assert 'data-network="both"' not in table
        columns = {len(re.findall("<t[hd]", row)) for row in re.findall(r"(?s)<tr.*?</tr>", table)}
        assert len(columns) == 1
    assert "An ensemble asks all seeds" in found and "5.43 million" in found
    assert '<button type="button" data-networks="both"' not in found
    card = html.unescape(re.sub(r"<[^>]+>", "", found[: found.index("Every seed")]))
    assert "To hold it againstthe ensemble both 4" in card and "against both" not in card
