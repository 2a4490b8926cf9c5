"""A trained model is found without its run: what it reads and answers, its scores, files without code."""

import json
from pathlib import Path

import mlflow
import pytest
from locked_project import NETWORKS, Project
from mlflow.entities import LoggedModel, LoggedModelStatus

from unroll.pipeline import content


def files_of(project: Project, model: LoggedModel) -> dict[str, str]:
    folder = project.folder / f"{project.database}-artifacts/tiny/models/{model.model_id}/artifacts"
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_each_training_has_one_model_that_knows_its_run(tracked: Project) -> None:
    models, runs = tracked.models(), tracked.runs()
    assert set(models) == {f"{network} seed {seed}" for network in NETWORKS for seed in (1, 2)}
    for name, model in models.items():
        assert model.source_run_id == runs[name].info.run_id and model.status == "READY"
        (output,) = tracked.client.get_run(model.source_run_id).outputs.model_outputs
        assert output.model_id == model.model_id and output.step == 2
    assert models["bilstm seed 2"].params["cell"] == "lstm"
    assert models["bow seed 1"].tags["vectors"] == "glove,mine"
    assert "bow on tiny, seed 1: kept epoch 2" in models["bow seed 1"].tags["mlflow.note.content"]


def test_a_model_has_its_test_scores_with_the_data_that_they_are_of(tracked: Project) -> None:
    digest = content.md5_of(tracked.folder / "data/vocabulary/tiny")
    metrics = tracked.models()["bow seed 2"].metrics
    found = {(one.key, one.value, one.dataset_name, one.dataset_digest) for one in metrics}
    assert found == {("test/accuracy", 0.52, "tiny test", digest), ("test/loss", 0.7, "tiny test", digest)}


def test_a_model_is_safetensors_and_text_and_nothing_that_runs(tracked: Project) -> None:
    files = files_of(tracked, tracked.models()["bilstm seed 1"])
    assert files["weights.safetensors"] == "weights bilstm 1 0.1"
    assert json.loads(files["model.json"])["network"]["cell"] == "lstm"
    assert files["vocabulary.txt"] == "<pad>\n<unk>\nfine\n"
    assert files["requirements.txt"] == "numpy==2.0.1\nsafetensors==0.8.0\ntorch==2.13.0\n"
    described = {"MLmodel", "requirements.txt", "weights.safetensors", "model.json", "vocabulary.txt"}
    assert set(files) == described


def test_the_signature_names_the_text_the_label_and_every_class(tracked: Project) -> None:
    model = tracked.models()["bow seed 1"]
    folder = tracked.folder / f"{tracked.database}-artifacts/tiny/models/{model.model_id}/artifacts"
    signature = mlflow.models.Model.load(str(folder)).signature.to_dict()
    (text,) = json.loads(signature["inputs"])
    label, probabilities = json.loads(signature["outputs"])
    assert (text["name"], text["type"]) == ("text", "string")
    assert (label["name"], label["type"]) == ("label", "string")
    assert set(probabilities["properties"]) == {"bad", "good"}


def test_a_next_word_network_answers_a_word(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "bilstm", NETWORKS["bilstm"] | {"task": "next_word"})
    project.train("bilstm", 1)
    project.evaluate("bilstm")
    project.track()
    model = project.models()["bilstm seed 1"]
    assert model.model_type == "next_word"
    assert "word" in files_of(project, model)["MLmodel"]
    assert "probabilities" not in files_of(project, model)["MLmodel"]


def test_a_model_is_stale_with_its_run_and_revived_with_it(project: Project) -> None:
    project.track()
    before = {name: model.model_id for name, model in project.models().items()}
    project.train("bow", 1, rate=0.2)
    project.evaluate("bow")
    project.track()
    assert project.models()["bow seed 1"].model_id != before["bow seed 1"]
    assert len(project.models()) == 4
    project.train("bow", 1)
    project.evaluate("bow")
    project.track()
    assert {name: model.model_id for name, model in project.models().items()} == before


def test_a_half_written_model_goes_away(project: Project) -> None:
    project.track()
    model = project.models()["bow seed 1"]
    project.client.update_run(model.source_run_id, status="RUNNING")
    project.client.finalize_logged_model(model.model_id, LoggedModelStatus.PENDING)
    assert project.track() == (1, 0, 0)
    found = project.client.search_logged_models([project.experiment.experiment_id])
    assert len(found) == 5 and model.model_id not in {one.model_id for one in found}


def test_another_vocabulary_is_not_laid_beside_the_weights(project: Project) -> None:
    Path("data/vocabulary/tiny/vocabulary.txt").write_text("of another run")
    project.track()
    assert "vocabulary.txt" not in files_of(project, project.models()["bow seed 1"])
