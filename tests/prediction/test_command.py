"""python -m unroll predict: from no name at all, or a model's, to an answer a text."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
import tiny
import typer
from saved import save_seed
from typer.testing import CliRunner

from unroll import catalogue
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.prediction.command import predict_texts
from unroll.prediction.ensemble import Ensemble
from unroll.prediction.standing import rules_of

TEXTS = [row["text"] for row in tiny.rows(9, seed=3)]
SCORES = {"gru": {2: 0.7, 3: 0.6}, "bow": {2: 0.9, 3: 0.1}}
"""On validation: of the means that of gru is the higher one."""

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(predict_texts)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with params.yaml, and models of two networks and two seeds for tiny_rows."""
    folder = tmp_path_factory.mktemp("project")
    document = tiny.params()
    document["select"] |= {"corpora": ["tiny_rows", "tiny_trees"], "seeds": [2]}
    tiny.write_params(folder, document)
    whole = catalogue.load(folder / "params.yaml")
    vocabulary = folder / "data/vocabulary/tiny_rows/vocabulary.txt"
    vocabulary.parent.mkdir(parents=True)
    Vocabulary.build([text.split() for text in TEXTS], VocabularyRules()).save(vocabulary)
    for network, scores in SCORES.items():
        for seed, score in scores.items():
            save_seed(
                folder / f"models/tiny_rows/{network}/{seed}",
                vocabulary,
                whole.networks[network],
                seed,
                list(whole.corpora["tiny_rows"].labels),
                rules_of(whole, "tiny_rows", network),
            )
            history = folder / f"reports/history/tiny_rows/{network}/{seed}.csv"
            history.parent.mkdir(parents=True, exist_ok=True)
            history.write_text(f"epoch,validation_macro_recall\n1,{score}\n2,0.05\n")
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def told(*arguments: str, given: str = "") -> list[dict]:
    done = CliRunner().invoke(app, ["--json", *arguments], input=given)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments])
    assert isinstance(done.exception, Refusal), done.output
    return str(done.exception)


def read(said: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(said)))


def test_without_a_name_the_champion_of_the_first_corpus_answers(project):
    assert told(*TEXTS) == told("--champion", "tiny_rows", *TEXTS) == told("--model", "tiny_rows/gru", *TEXTS)
    assert told(*TEXTS) != told("--model", "tiny_rows/bow", *TEXTS)


def test_who_answers_and_why_is_said_beside_the_answers(project):
    said = CliRunner().invoke(app, TEXTS).stderr
    assert (
        "tiny_rows/gru, seeds 2, 3: the champion of 2 by validation (macro recall 0.650 in the mean)" in said
    )
    assert "tiny_rows/bow, seed 3\n" in CliRunner().invoke(app, ["--model", "tiny_rows/bow/3", "x"]).stderr


def test_every_text_has_its_label_probabilities_and_spread_in_order(project):
    ensemble = Ensemble.load(
        [project / "models/tiny_rows/gru" / seed for seed in ("2", "3")],
        project / "data/vocabulary/tiny_rows/vocabulary.txt",
        catalogue.load().corpora["tiny_rows"].text,
    )
    expected, found = ensemble.read(TEXTS), told(*TEXTS)
    assert [answer["text"] for answer in found] == TEXTS
    assert [answer["label"] for answer in found] == expected.together.labels
    for place, answer in enumerate(found):
        assert list(answer["probabilities"]) == list(ensemble.classes)
        values = list(answer["probabilities"].values())
        assert values == pytest.approx(expected.together.probabilities_NC[place], abs=1e-6)
        assert answer["spread"] == pytest.approx(expected.spread_N[place], abs=1e-6)
        assert (answer["agree"], answer["seeds"]) == (expected.agree_N[place], 2)


def test_one_seed_has_no_spread(project):
    [answer] = told("--model", "tiny_rows/gru/3", TEXTS[0])
    assert (answer["spread"], answer["agree"], answer["seeds"]) == (None, 1, 1)
    assert "±" not in CliRunner().invoke(app, ["--model", "tiny_rows/gru/3", TEXTS[0]]).stdout


def test_unknown_words_are_told_in_every_form(project):
    text = f"zzz {TEXTS[0]} qqq"
    assert told(text, TEXTS[0])[0]["unknown"] == ["zzz", "qqq"]
    assert told(text, TEXTS[0])[1]["unknown"] == []
    first, second = CliRunner().invoke(app, [text, TEXTS[0]]).stdout.splitlines()
    assert first.endswith("unknown: zzz, qqq") and "unknown" not in second
    Path("in.csv").write_text(f"text\n{text}\n")
    assert read(CliRunner().invoke(app, ["--csv", "in.csv"]).stdout)[0]["unknown"] == "zzz; qqq"


def test_a_line_for_people_names_each_label_and_obeys_no_text(project):
    [line] = CliRunner().invoke(app, ["one\x1b[2J lamp\n" + "x" * 100]).stdout.splitlines()
    [answer] = told("one\x1b[2J lamp\n" + "x" * 100)
    assert line.startswith(answer["label"]) and "of 2 seeds" in line
    for label, value in answer["probabilities"].items():
        assert f"{label} {value:.3f}" in line
    assert r"one\x1b[2J lamp\nxxx" in line and "x…" in line


def test_texts_may_come_line_by_line(project):
    assert told(given="\n".join(TEXTS)) == told(*TEXTS)


def test_a_table_keeps_its_columns_and_gets_more(project):
    rows = [{"id": str(number), "words": text} for number, text in enumerate(TEXTS)]
    rows[0]["words"] += ', "quoted"\nand on two lines'
    with open("in.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "words"])
        writer.writeheader()
        writer.writerows(rows)
    arguments = ["--csv", "in.csv", "--column", "words"]
    shown = CliRunner().invoke(app, arguments).stdout
    CliRunner().invoke(app, [*arguments, "--output", "out.csv"], catch_exceptions=False)
    assert Path("out.csv").read_text() == shown
    found, answers = read(shown), told(*(row["words"] for row in rows))
    assert [{"id": row["id"], "words": row["words"]} for row in found] == rows
    for row, answer in zip(found, answers, strict=True):
        assert row["predicted"] == answer["label"] and int(row["agree"]) == answer["agree"]
        assert float(row["spread"]) == pytest.approx(answer["spread"], abs=1e-6)
        for label, value in answer["probabilities"].items():
            assert float(row[f"p_{label}"]) == pytest.approx(value, abs=1e-6)


def test_bfloat16_is_an_option_and_no_default(project):
    exact, asked, rounded = (
        told(*more, *TEXTS) for more in ([], ["--precision", "float32"], ["--precision", "bfloat16"])
    )
    assert asked == exact
    assert rounded != exact
    assert [answer["text"] for answer in rounded] == TEXTS


def test_models_of_other_parameters_are_left_out(project):
    document = tiny.params()
    document["select"] |= {"corpora": ["tiny_rows"], "seeds": [2]}
    document["networks"]["gru"]["hidden"] += 1
    tiny.write_params(project, document)
    assert told(*TEXTS) == told("--model", "tiny_rows/bow", *TEXTS)
    assert "models/tiny_rows/gru holds no model that was trained as params.yaml says now" in refused(
        "--model", "tiny_rows/gru", "x"
    )


def test_a_missing_curve_leaves_no_champion(project):
    Path("reports/history/tiny_rows/bow/3.csv").unlink()
    said = refused("x")
    assert "reports/history/tiny_rows/bow/3.csv is missing" in said and "--model" in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--model", "tiny_rows/nothing"], "networks has no nothing"),
        (["--model", "nothing/gru"], "corpora has no nothing"),
        (["--champion", "nothing"], "corpora has no nothing"),
        (["--model", "gru"], "give CORPUS/NETWORK"),
        (["--model", "tiny_rows/gru/../2"], "give CORPUS/NETWORK"),
        (["--model", "tiny_rows/gru/-1"], "give CORPUS/NETWORK"),
        (["--model", "tiny_rows/gru/7"], "models/tiny_rows/gru/7/model.json is missing"),
        (["--model", "tiny_trees/gru"], "models/tiny_trees/gru holds no model"),
        (["--champion", "tiny_trees"], "models/tiny_trees holds no classifier"),
        (["--model", "tiny_rows/gru", "--champion", "tiny_rows"], "name one of them"),
        (["--csv", "in.csv"], "--csv and texts"),
        (["--output", "out.csv"], "--output is for --csv"),
    ],
)
def test_what_is_not_there_or_contradicts_itself_is_named(project, asked, said):
    assert said in refused(*asked, "--", "a text")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file in.csv"),
        (b"", "no column 'text'"),
        (b"id,words\n1,x\n", "name one of id, words with --column"),
        (b"text,text\nx,y\n", "column 'text' stands twice"),
        (b"text,id\nx\n", "in.csv, line 2: 1 cells where the header has 2"),
        (b'text\n"x\n', "in.csv, line 2: unexpected end of data"),
        (b"text\ncaf\xe9\n", "in.csv, line 2, byte 8: not UTF-8"),
        (b"text,spread\nx,1\n", "has a column 'spread' already"),
    ],
)
def test_a_table_that_cannot_be_answered_is_refused_with_its_place(project, content, said):
    if content is not None:
        Path("in.csv").write_bytes(content)
    assert said in refused("--csv", "in.csv", "--output", "out.csv")
    assert not Path("out.csv").exists()
