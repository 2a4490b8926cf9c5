"""python -m unroll export: from a model's name to a folder."""

import shutil
import sys

import pytest
import typer
from trained_project import CORPUS
from typer.testing import CliRunner

from unroll import files
from unroll.export import command
from unroll.failures import Refusal

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(command.export_network)


def asked(*arguments: str):
    return CliRunner().invoke(app, [*arguments, "--to", "out"])


def document() -> dict:
    return files.read_json(command.Path("out/export.json"))


def test_without_a_seed_all_of_them_are_exported_as_one(trained):
    done = asked(f"{CORPUS}/gru")
    assert done.exit_code == 0, done.output
    assert document()["seeds"] == [1, 2]
    assert document()["weights"] == "float32"
    assert document()["text"]["tokenizer"] == "tweet"
    assert [*document()["made_from"]] == [
        f"models/{CORPUS}/gru/{seed}/weights.safetensors" for seed in (1, 2)
    ]
    assert document()["agreement"]["split"] == f"data/vocabulary/{CORPUS}/test"


def test_one_seed_can_be_named_and_int8_asked_for(trained):
    done = asked(f"{CORPUS}/gru/2", "--weights", "int8")
    assert done.exit_code == 0, done.output
    assert (document()["seeds"], document()["weights"]) == ([2], "int8")


def test_sizes_and_the_largest_difference_are_printed(trained):
    said = asked(f"{CORPUS}/gru").stdout
    assert f"model.onnx: {command.Path('out/model.onnx').stat().st_size:,} bytes" in said
    largest = document()["agreement"]["largest_difference"]
    assert (
        f"30 texts of data/vocabulary/{CORPUS}/test no probability is off by more than {largest:.1e}" in said
    )
    assert "(bound 1e-05); 0 labels differ" in said


def test_validation_stands_in_where_there_is_no_test_split(trained):
    shutil.rmtree(trained.data / "test")
    asked(f"{CORPUS}/gru")
    assert document()["agreement"]["split"] == f"data/vocabulary/{CORPUS}/validation"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("gru", "'gru' is no model: give CORPUS/NETWORK"),
        (f"{CORPUS}/", "networks has no : choose one of"),
        (f"{CORPUS}/gru/one", "is no model"),
        (f"{CORPUS}/gru/", "is no model"),
        (f"{CORPUS}/gru/1/2", "is no model"),
        ("nothing/gru", "corpora has no nothing: choose one of"),
        (f"{CORPUS}/../gru", "is no model"),
        (f"{CORPUS}/nothing", "networks has no nothing: choose one of"),
        (f"{CORPUS}/gru/7", f"models/{CORPUS}/gru/7/model.json is missing: run dvc repro"),
        ("tiny_trees/gru", "models/tiny_trees/gru holds no model that was trained as params.yaml says now"),
    ],
)
def test_what_is_not_there_is_named(trained, model, said):
    done = asked(model)
    assert isinstance(done.exception, Refusal)
    assert said in str(done.exception)
    assert not command.Path("out").exists()


def test_what_must_be_installed_is_named(trained, monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda package: None if package == "onnx" else sys)
    done = asked(f"{CORPUS}/gru")
    assert isinstance(done.exception, Refusal)
    assert "needs onnx: make services installs" in str(done.exception)
