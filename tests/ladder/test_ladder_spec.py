"""The section `ladder:` of params.yaml: what is refused in it, with which key and on which line."""

import itertools
import re
from pathlib import Path

import pytest
import tiny
from shipped import SHIPPED, keys_of, lines_of, with_values

from unroll import catalogue
from unroll.failures import Refusal
from unroll.ladder.spec import Ladders, climbed
from unroll.params import Selection, Suite, parse

PATH = Path("params.yaml")


def ladder(*rungs: dict, corpora: tuple[str, ...] = ("tweets",)) -> dict:
    return {"corpora": list(corpora), "rungs": list(rungs)}


def rung(network: str, **more: object) -> dict:
    return {"network": network, "adds": "something"} | more


def ensemble(name: str, **more: object) -> dict:
    return {"ensemble": name, "adds": "a vote"} | more


BOW, GRU, LSTM = map(rung, ("bow", "gru", "lstm"))
BOTH = ensemble("lstm_and_gru")
FAULTS = {
    "a network that exists nowhere": ([ladder(BOW, rung("nonesuch"))], "0.rungs.1.network: nonesuch is not"),
    "a corpus that exists nowhere": ([ladder(BOW, GRU, corpora=("twets",))], "0.corpora: twets is not among"),
    "a rung twice": ([ladder(BOW, GRU, BOW)], "0.rungs.2.network: bow stands twice"),
    "an over that comes later": (
        [ladder(BOW, rung("gru", over="lstm"), LSTM)],
        "0.rungs.1.over: lstm is not among the rungs below: bow",
    ),
    "an over that is the rung itself": (
        [ladder(BOW, rung("gru", over="gru"))],
        "0.rungs.1.over: gru is not among the rungs below: bow",
    ),
    "an over below the first": (
        [ladder(rung("bow", over="gru"), GRU)],
        "0.rungs.0.over: gru is not among the rungs below: nothing",
    ),
    "a corpus twice": (
        [ladder(BOW, GRU, corpora=("tweets", "tweets"))],
        "0.corpora: tweets stands twice",
    ),
    "a corpus with two ladders": (
        [ladder(BOW, GRU, corpora=("sst5", "tweets")), ladder(BOW, LSTM)],
        "1.corpora: tweets stands twice",
    ),
    "networks of two tasks": (
        [ladder(BOW, rung("t5_next_word"))],
        "0.rungs.1.network: t5_next_word learns next_word, bow classification",
    ),
    "an ensemble that exists nowhere": (
        [ladder(BOW, ensemble("everybody"))],
        "0.rungs.1.ensemble: everybody is not among lstm_and_gru",
    ),
    "an ensemble twice": ([ladder(BOW, BOTH, BOTH)], "0.rungs.2.ensemble: lstm_and_gru stands twice: an ens"),
    "a network as an ensemble": ([ladder(BOW, ensemble("gru"))], "0.rungs.1.ensemble: gru is not among"),
    "an ensemble as a network": ([ladder(BOW, rung("lstm_and_gru"))], "0.rungs.1.network: lstm_and_gru is"),
    "a network and an ensemble": (
        [ladder(BOW, GRU | BOTH)],
        "0.rungs.1.ensemble: a rung is a network or an ensemble: name one of them alone",
    ),
    "neither network nor ensemble": (
        [ladder(BOW, {"adds": "nothing"}, GRU)],
        "0.rungs.1.network: a rung is a network or an ensemble: name one",
    ),
    "an ensemble over next words": (
        [ladder(rung("t5_next_word"), BOTH)],
        "0.rungs.1.ensemble: lstm_and_gru learns classification, t5_next_word next_word",
    ),
    "next words over an ensemble": (
        [ladder(BOTH, rung("t5_next_word"))],
        "0.rungs.1.network: t5_next_word learns next_word, lstm_and_gru classification",
    ),
    "one rung": ([ladder(BOW)], "0.rungs: a ladder needs at least two rungs"),
    "no corpus": ([ladder(BOW, GRU, corpora=())], "0.corpora: "),
    "nothing added": ([ladder(BOW, rung("gru", adds=""))], "0.rungs.1.adds: "),
    "an unknown key": ([ladder(BOW, rung("gru", above="bow"))], "0.rungs.1.above: "),
    "a name that is none": ([ladder(BOW, rung("g-1", over="bow"))], "0.rungs.1.network: "),
    "a rung below that is none": ([ladder(rung("B"), rung("gru", over="bow"))], "0.rungs.0.network: "),
    "a list that is none": ([{"corpora": ["tweets"], "rungs": 3}], "0.rungs: "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_once_with_its_key(fault):
    section, said = FAULTS[fault]
    [line] = lines_of(with_values({"ladder": section}))
    assert line.removeprefix("params.yaml: ").startswith(f"ladder.{said}")


def test_every_fault_of_the_section_is_named_at_once():
    section = [ladder(rung("bows"), rung("gru", over="lstm", ad="x")), ladder(GRU, GRU)]
    assert keys_of({"ladder": section}) == [
        "ladder.0.rungs.0.network",
        "ladder.0.rungs.1.ad",
        "ladder.0.rungs.1.over",
        "ladder.1.corpora",
        "ladder.1.rungs.1.network",
    ]


def test_a_rung_may_be_an_ensemble_a_student_and_what_stands_on_either():
    student = {"cell": "gru", "teacher": "lstm_and_gru", "training": {"distillation": 0.7}}
    rungs = [BOW, BOTH, rung("student"), rung("gru", over="lstm_and_gru")]
    whole = catalogue.check(with_values({"ladder": [ladder(*rungs)], "networks/student": student}), PATH)
    [found] = whole.ladder
    assert [one.name for one in found.rungs] == ["bow", "lstm_and_gru", "student", "gru"]
    assert found.bases()["student"] == "lstm_and_gru" == found.bases()["gru"]
    assert whole.made_of["student"] == ("lstm_and_gru",)
    assert whole.made_of["lstm_and_gru"] == ("bilstm", "bigru")
    several = Selection(
        corpora=("tweets",), networks=("bow", "bilstm", "bigru"), seeds=(1,), taught=("student",)
    )
    assert whole.compared(several) == ("bow", "bilstm", "bigru", "student", "lstm_and_gru")
    assert not climbed(whole.ladder, {"tweets": whole.compared(several)})  # gru is lacking
    enough = several.model_copy(update={"networks": (*several.networks, "gru")})
    assert climbed(whole.ladder, {"tweets": whole.compared(enough)}) == {"tweets": found}
    fewer = several.model_copy(update={"networks": ("bow", "gru", "bigru"), "taught": ()})
    assert not climbed(whole.ladder, {"tweets": whole.compared(fewer)})


SECTION = """ladder:
  - corpora: [sst5]
    rungs:
      - {network: bow, adds: nothing}
      - network: gru
        adds: something
        over: lstm
"""


def test_a_fault_is_named_by_its_line(tmp_path):
    shipped = (tiny.ROOT / "params.yaml").read_text(encoding="utf-8")
    text = re.sub(r"^ladder:\n(?:[ #].*\n|\n)*", SECTION, shipped, count=1, flags=re.MULTILINE)
    line = text.splitlines().index("        over: lstm") + 1
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match=rf"params\.yaml:{line}: ladder\.0\.rungs\.1\.over: lstm is not among"):
        catalogue.load(tmp_path / "params.yaml")


def test_a_project_without_a_ladder_is_sound():
    document = {key: value for key, value in SHIPPED.items() if key != "ladder"}
    assert catalogue.check(document, PATH).ladder == ()


def test_a_published_figure_may_be_a_transformers_and_nothing_else():
    figure = {"system": "x", "metric": "accuracy", "value": 0.5, "source": "y"}
    kind = with_values({"corpora/sst5/published": [figure | {"kind": "transformer"}]})
    assert catalogue.check(kind, PATH).corpora["sst5"].published[0].kind == "transformer"
    faults = {"corpora/sst5/published": [figure | {"kind": "transformers"}]}
    assert keys_of(faults) == ["corpora.sst5.published.0.kind"]


def test_every_shipped_figure_of_roberta_is_marked_as_a_transformers():
    found = catalogue.check(SHIPPED, PATH)
    figures = [one for corpus in found.corpora.values() for one in corpus.published if "BERT" in one.system]
    assert figures and {one.kind for one in figures} == {"transformer"}


def test_the_shipped_suite_runs_every_rung_on_its_corpora_in_one_part_with_five_seeds():
    parts = parse(SHIPPED["suites"]["ladder"], Suite, "suites.ladder", PATH)
    ladders = parse(SHIPPED["ladder"], Ladders, "ladder", PATH)
    whole = catalogue.check(SHIPPED, PATH)
    compared = {corpus: whole.compared(part) for part in parts for corpus in part.corpora}
    assert climbed(ladders, compared).keys() == compared.keys()
    run = {pair for part in parts for pair in itertools.product(part.corpora, part.all_networks)}
    rungs = {(corpus, one.name) for each in ladders for corpus in each.corpora for one in each.rungs}
    members = {(corpus, one) for corpus, name in rungs for one in whole.made_of.get(name, ())}
    needed = {(corpus, name) for corpus, name in rungs | members if name in whole.networks}
    assert run == needed and all(len(part.seeds) == 5 for part in parts)
