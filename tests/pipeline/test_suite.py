"""make repro's one liberty with params.yaml: the lists under `select`."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from unroll import catalogue
from unroll.failures import Refusal
from unroll.params import Params, Selection, Suite, parse
from unroll.pipeline import suite

ROOT = Path(__file__).resolve().parents[2]
FULL = Selection(corpora=("sst5", "tweets"), networks=("bow", "lstm"), seeds=(1, 2))
STARTER = Selection(corpora=("starter_movies",), networks=("bow",), seeds=(7,))
SUITES = {"full": FULL, "starter": STARTER}

PATH = Path("params.yaml")
MOVIES = {"corpora": ["movies"], "networks": ["bow", "lstm"], "seeds": [1, 2]}
NEWS = {"corpora": ["news"], "networks": ["gru"], "seeds": [1]}

FLOW = """\
# head
select: # what runs
  corpora: [a_corpus]   # one
  networks: [bow, lstm]
  seeds: [1, 2]

after: {x: 1e-3}   # stays
"""
BLOCK = """\
select:
  corpora:
    - a_corpus
    # a remark
    - b_corpus
  networks:
    - bow

  seeds: [3] # last
after: yes
"""


@pytest.mark.parametrize("text", [FLOW, BLOCK])
def test_writing_a_selection_changes_the_lists_and_keeps_every_comment_around_them(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    before = Params(path).document
    assert suite.write_selection(path, FULL)
    assert Params(path).get("select", Selection) == FULL
    assert Params(path).document["after"] == before["after"]
    changed = path.read_text().splitlines()
    for line in text.splitlines():
        if "#" in line and "remark" not in line:
            comment = line[line.index("#") :]
            assert any(comment in kept for kept in changed), comment


def test_writing_what_stands_there_already_touches_nothing(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(FLOW)
    suite.write_selection(path, FULL)
    once, modified = path.read_bytes(), path.stat().st_mtime_ns
    assert not suite.write_selection(path, FULL)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (once, modified)


def test_there_and_back_again_gives_the_shipped_bytes(tmp_path):
    path = tmp_path / "params.yaml"
    shipped = (ROOT / "params.yaml").read_bytes()
    path.write_bytes(shipped)
    original = Params(path).get("select", Selection)
    assert suite.write_selection(path, STARTER)
    assert path.read_bytes() != shipped
    assert suite.write_selection(path, original)
    assert path.read_bytes() == shipped


@pytest.mark.parametrize(
    "text",
    [
        FLOW,
        BLOCK,
        "select: {corpora: [a], networks: [b], seeds: [1]}\nafter: 1\n",
        "select:\n  corpora: [a]\n  networks: [b]\n  seeds: [1]",
    ],
    ids=["flow", "block", "one line", "no end of line"],
)
def test_a_selection_that_does_not_say_who_is_taught_says_so_from_then_on(tmp_path, text):
    path = tmp_path / "params.yaml"
    for chosen in (FULL, FULL.model_copy(update={"taught": ("bilstm_taught", "other")})):
        path.write_text(text)
        before = Params(path).document
        assert suite.write_selection(path, chosen)
        after = Params(path).document
        assert after == before | {"select": chosen.model_dump(mode="json")}


def test_who_is_taught_no_more_is_taken_out(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(FLOW.replace("  seeds: [1, 2]\n", "  seeds: [1, 2]\n  taught: [one] # by two\n"))
    assert suite.write_selection(path, FULL)
    assert "  taught: [] # by two\n" in path.read_text()


def test_a_document_without_the_three_lists_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("select: {corpora: all}\n")
    with pytest.raises(Refusal, match=r"select\.corpora must be a list"):
        suite.write_selection(path, FULL)


def test_a_mirror_means_the_full_suite_without_asking_the_hub(tmp_path, monkeypatch):
    monkeypatch.setenv("UNROLL_MIRROR", str(tmp_path))
    monkeypatch.setattr(suite, "hub_answers", lambda: pytest.fail("asked the Hub"))
    name, reason = suite.choose("auto", SUITES)
    assert name == "full" and str(tmp_path) in reason


@pytest.mark.parametrize(("answers", "expected"), [(True, "full"), (False, "starter")])
def test_without_a_mirror_the_hub_decides(monkeypatch, answers, expected):
    monkeypatch.delenv("UNROLL_MIRROR", raising=False)
    monkeypatch.setattr(suite, "hub_answers", lambda: answers)
    name, reason = suite.choose("auto", SUITES)
    assert name == expected and "Hub" in reason


def test_by_hand_a_suite_is_taken_as_named_and_an_unknown_one_refused(monkeypatch):
    monkeypatch.setattr(suite, "hub_answers", lambda: pytest.fail("asked the Hub"))
    assert suite.choose("starter", SUITES)[0] == "starter"
    assert suite.choose("keep", SUITES)[0] == "keep"
    with pytest.raises(Refusal, match="auto, keep, full, starter"):
        suite.choose("fulll", SUITES)


def test_a_suite_is_one_selection_or_a_list_of_them_and_has_its_parts_either_way():
    movies, news = (parse(one, Selection, "suites.x", PATH) for one in (MOVIES, NEWS))
    assert parse(MOVIES, Suite, "suites.x", PATH) == (movies,)
    assert parse([MOVIES], Suite, "suites.x", PATH) == (movies,)
    assert parse([MOVIES, NEWS], Suite, "suites.x", PATH) == (movies, news)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "suites.x: a suite needs at least one part"),
        ([MOVIES, {**NEWS, "seeds": [1, -1]}], "suites.x.1.seeds.1: "),
        ({**NEWS, "seeds": [1, -1]}, "suites.x.seeds.1: "),
        ([MOVIES, {**NEWS, "seed": [1]}], "suites.x.1.seed: "),
        ([{"corpora": ["movies"], "networks": ["bow"]}], "suites.x.0.seeds: "),
        ("full", "suites.x: "),
        (
            [MOVIES, {**MOVIES, "seeds": [1]}],
            "suites.x: bow on movies stands in two parts with different seeds",
        ),
    ],
)
def test_a_fault_in_a_part_of_a_suite_is_named_by_its_place(value, said):
    with pytest.raises(Refusal) as caught:
        parse(value, Suite, "suites.x", PATH)
    faults = str(caught.value).splitlines()[1:]
    assert len(faults) == 1 and faults[0].strip().startswith(said)


def test_a_network_may_stand_in_two_parts_with_the_same_seeds():
    assert len(parse([MOVIES, {**MOVIES, "networks": ["bow", "gru"]}], Suite, "suites.x", PATH)) == 2


def test_an_unknown_name_in_a_part_is_refused_with_the_place_of_the_part():
    document = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    whole = document["suites"]["full"]
    document["suites"]["several"] = [whole, {**whole, "networks": ["bow", "nonesuch"]}]
    with pytest.raises(Refusal, match=r"suites\.several\.1\.networks: nonesuch is not among"):
        catalogue.check(document, PATH)


def test_lists_that_another_section_shares_are_not_written_over(tmp_path):
    path = tmp_path / "params.yaml"
    text = "select: {corpora: &ours [a_corpus], networks: [bow], seeds: [1]}\nours: *ours\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match="select shares a list"):
        suite.write_selection(path, FULL)
    assert path.read_text(encoding="utf-8") == text
