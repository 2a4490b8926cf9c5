"""python -m unroll predict: from a network's name to a line a text."""

import csv
import io
from pathlib import Path

import pytest
import tiny
import typer
from runs import RULES, SHIPPED
from typer.testing import CliRunner

from unroll import files
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.networks import checkpoints
from unroll.networks.spec import Embedding, RecurrentNetwork
from unroll.prediction.command import predict_texts
from unroll.prediction.predictor import Predictor
from unroll.text.tokenization import TextRules
from unroll.training.experiment import Experiment

TEXTS = [row["text"] for row in tiny.rows(9, seed=3)]
NETWORK = RecurrentNetwork(cell="gru", hidden=4, pooling="max", embedding=Embedding(size=6))
LABELS = SHIPPED["corpora"]["tweets"]["labels"]

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(predict_texts)


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    """A folder with params.yaml, and a model of seed 2 for tiny_rows."""
    document = tiny.params()
    document["select"] |= {"corpora": ["tiny_rows", "tiny_trees"], "seeds": [2]}
    tiny.write_params(tmp_path, document)
    path = tmp_path / "data/vocabulary/tiny_rows/vocabulary.txt"
    path.parent.mkdir(parents=True)
    vocabulary = Vocabulary.build([text.split() for text in TEXTS], VocabularyRules())
    vocabulary.save(path)
    model = Experiment(NETWORK, RULES, "accuracy", len(vocabulary), len(LABELS), 2).model(None, "cpu")
    saved = {
        "network": NETWORK.model_dump(mode="json"),
        "labels": LABELS,
        "vocabulary_sha256": files.sha256_of(path),
    }
    with files.whole_folder(tmp_path / "models/tiny_rows/gru/2") as folder:
        checkpoints.save_model(folder, model.state_dict(), saved)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(said: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(said)))


def test_every_text_has_its_label_and_probabilities_in_order(project):
    done = CliRunner().invoke(app, ["gru", *TEXTS])
    assert done.exit_code == 0, done.output
    predictor = Predictor.load(
        project / "models/tiny_rows/gru/2",
        project / "data/vocabulary/tiny_rows/vocabulary.txt",
        TextRules(**SHIPPED["corpora"]["tweets"]["text"] | {"normalise": ("html",)}),
    )
    expected, found = predictor.predict(TEXTS), read(done.stdout)
    assert [row["label"] for row in found] == expected.labels
    for row, probabilities_C in zip(found, expected.probabilities_NC, strict=True):
        assert [float(row[label]) for label in LABELS] == pytest.approx(probabilities_C, abs=1e-6)


def test_texts_may_come_line_by_line(project):
    asked = CliRunner().invoke(app, ["gru", "--corpus", "tiny_rows", "--seed", "2"], input="\n".join(TEXTS))
    assert asked.stdout == CliRunner().invoke(app, ["gru", *TEXTS]).stdout


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["nothing"], "networks has no nothing"),
        (["gru", "--corpus", "nothing"], "corpora has no nothing"),
        (["gru", "--seed", "7"], "models/tiny_rows/gru/7/model.json is missing"),
        (["gru", "--corpus", "tiny_trees"], "vocabulary.txt is missing"),
    ],
)
def test_what_is_not_there_is_named(project, asked, said):
    done = CliRunner().invoke(app, [*asked, "--", "a text"])
    assert isinstance(done.exception, Refusal)
    assert said in str(done.exception)
