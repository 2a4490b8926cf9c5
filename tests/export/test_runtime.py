"""What was exported is read without torch, text by text or many at once, and says what the network says."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from trained_project import LABELS, READER, TEXTS, WORDS, Project

from unroll import files
from unroll.export import folder, runtime
from unroll.export.runtime import Runtime
from unroll.failures import Refusal
from unroll.prediction.predictor import Predictor
from unroll.text.tokenization import TextRules, train_tokenizer

ROOT = Path(__file__).resolve().parents[2]
# As on a machine that has what the runtime's docstring names for white space, and nothing else of ours.
WITHOUT_TORCH = """
import runpy, sys
for absent in ("torch", "safetensors", "onnx", "pandas", "pyarrow", "nltk", "typer", "rich", "scipy", "dvc"):
    sys.modules[absent] = None
sys.argv = ["unroll.export.runtime", *sys.argv[1:]]
runpy.run_module("unroll.export.runtime", run_name="__main__", alter_sys=True)
"""


def run(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)],
        cwd=ROOT,
        input=given,
        capture_output=True,
    )


def read(said: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(said.decode())))


def test_texts_get_their_labels_and_probabilities_where_torch_cannot_be_imported(exported):
    done = run(exported, "--", *TEXTS)
    assert done.returncode == 0, done.stderr.decode()
    found, expected_NC = read(done.stdout), Runtime.load(exported).predict(TEXTS)
    assert [row["label"] for row in found] == [LABELS[place] for place in expected_NC.argmax(axis=1)]
    assert len({row["label"] for row in found}) > 1
    for row, probabilities_C in zip(found, expected_NC, strict=True):
        assert [float(row[label]) for label in LABELS] == pytest.approx(probabilities_C, abs=1e-6)


def test_texts_may_come_line_by_line_and_go_as_json(exported):
    lines = "\ufeff" + "\r\n".join([*TEXTS, "", "tail\u2028end"])
    done = run(exported, "--format", "json", given=lines.encode())
    assert done.returncode == 0, done.stderr.decode()
    found = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
    asked = read(run(exported, *TEXTS, "", "tail\u2028end").stdout)
    assert [one["label"] for one in found] == [row["label"] for row in asked]
    for one, row in zip(found, asked, strict=True):
        assert one["probabilities"] == {label: float(row[label]) for label in LABELS}


def test_nothing_is_answered_to_no_text(exported):
    assert run(exported).stdout.decode().splitlines() == ["label," + ",".join(LABELS)]


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        ([b"caf\xe9"], b"", "text 1, byte 3: not UTF-8"),
        ([], b"well\nca\xff\n", "standard input, line 2, byte 2: not UTF-8"),
    ],
)
def test_what_is_not_utf8_is_refused_with_its_place(exported, arguments, given, said):
    command = [sys.executable, "-m", "unroll.export.runtime", exported, *arguments]
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True)
    assert done.returncode == 1
    assert said in done.stderr.decode() and "Traceback" not in done.stderr.decode()


@pytest.mark.parametrize("tokens", [1, 30, 8192])
def test_what_stands_beside_a_text_does_not_matter(exported, monkeypatch, tokens):
    made = Runtime.load(exported)
    together_NC = made.predict(TEXTS)
    monkeypatch.setattr(runtime, "TOKENS", tokens)
    order = np.random.default_rng(1).permutation(len(TEXTS))
    found_NC = made.predict([TEXTS[place] for place in order])
    np.testing.assert_allclose(found_NC, together_NC[order], rtol=0, atol=1e-6)


def assert_reads_as_the_predictor(
    project: Project, rules: TextRules, texts: list[str], pieces: Path | None = None
) -> None:
    to = project.folder / "exported"
    folder.write(project.trained(rules, pieces), to, "float32")
    predictor = Predictor.load(project.model(1), project.data / "vocabulary.txt", rules, pieces)
    expected_NC = predictor.predict(texts).probabilities_NC
    if pieces is not None:
        pieces.unlink()
    np.testing.assert_allclose(Runtime.load(to).predict(texts), expected_NC, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "tokenizer", ["tree", "treebank", "whitespace", "basic_english", "tweet", "tweet_re2", "spacy"]
)
def test_texts_are_cut_and_read_as_the_predictor_reads_them(tmp_path, tokenizer):
    rules = TextRules(normalise=("html",), tokenizer=tokenizer, lowercase=True)
    texts = ["The lamp, the LAMP", "", "nobody-knows this &amp; <unk> <pad>", "  ", "old :D", *TEXTS]
    assert_reads_as_the_predictor(Project.make(tmp_path, {1: READER}), rules, texts)


@pytest.mark.parametrize("tokenizer", ["bpe", "wordpiece"])
def test_learned_pieces_go_with_the_network(tmp_path, tokenizer):
    rules, pieces = TextRules(tokenizer=tokenizer, subwords=40), tmp_path / "pieces.json"
    pieces.write_text(train_tokenizer(rules, TEXTS), encoding="utf-8")
    assert_reads_as_the_predictor(Project.make(tmp_path, {1: READER}), rules, TEXTS, pieces)


def test_of_a_long_text_the_beginning_is_read_and_that_is_said(tmp_path):
    project = Project.make(tmp_path, {1: READER})
    rules = WORDS.model_copy(update={"max_characters": len(TEXTS[0])})
    folder.write(project.trained(rules), tmp_path / "exported", "float32")
    done = run(tmp_path / "exported", TEXTS[0], TEXTS[0] + " horrid")
    first, second = read(done.stdout)
    assert first == second
    assert "of 1 longer texts the first" in done.stderr.decode()


# --- what is missing or damaged ---------------------------------------------------------------------


def copied(exported: Path, to: Path) -> Path:
    to.mkdir()
    for path in exported.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


@pytest.mark.parametrize("name", ["model.onnx", "vocabulary.txt"])
def test_a_file_that_was_changed_is_refused(exported, tmp_path, name):
    changed = copied(exported, tmp_path / "changed")
    (changed / name).write_bytes((changed / name).read_bytes() + b"x")
    with pytest.raises(Refusal, match=rf"{name} is not the file that was exported"):
        Runtime.load(changed)


@pytest.mark.parametrize("name", ["export.json", "model.onnx", "vocabulary.txt"])
def test_a_file_that_is_missing_is_named(exported, tmp_path, name):
    torn = copied(exported, tmp_path / "torn")
    (torn / name).unlink()
    with pytest.raises(Refusal, match=rf"{name} is missing"):
        Runtime.load(torn)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"text": {"tokenizer": "none"}}', '{"text": {"tokenizer": "tweet"}, "labels": 3}'],
)
def test_a_document_that_is_none_is_refused(exported, tmp_path, content):
    torn = copied(exported, tmp_path / "torn")
    (torn / "export.json").write_text(content, encoding="utf-8")
    with pytest.raises(Refusal, match=r"export\.json is damaged.*export it again"):
        Runtime.load(torn)


def test_a_document_without_a_files_digest_is_refused(exported, tmp_path):
    torn = copied(exported, tmp_path / "torn")
    document = files.read_json(torn / "export.json")
    files.write_json(
        torn / "export.json", document | {"files": {"model.onnx": document["files"]["model.onnx"]}}
    )
    with pytest.raises(Refusal, match=r"is damaged: 'vocabulary\.txt'"):
        Runtime.load(torn)


def test_without_onnxruntime_it_is_said_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Refusal, match="pip install onnxruntime"):
        Runtime.load(exported)
