"""The registry's champion is what dvc.lock makes it: once, by validation, and never by half."""

from pathlib import Path

import pytest
from locked_project import NETWORKS, Project
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException

from unroll.tracking import package, registry


def let_win(project: Project, network: str) -> None:
    """Let a network score higher on validation than the other."""
    for name in NETWORKS:
        for seed in (1, 2):
            project.train(name, seed, bonus=0.5 if name == network else 0.0)
        project.evaluate(name)


def test_the_champion_is_the_best_network_on_validation_with_all_its_seeds(project: Project) -> None:
    let_win(project, "bow")
    project.track()
    assert project.champion.tags["network"] == "bow" and project.champion.tags["seeds"] == "1 2"
    [model] = project.packages().values()
    assert project.champion.tags["model"] == model.model_id


def test_the_test_split_has_no_say(project: Project) -> None:
    let_win(project, "bow")
    project.evaluate("bow", shift=-0.5)
    project.track()
    assert project.champion.tags["network"] == "bow"


def test_one_lucky_seed_makes_no_champion(project: Project) -> None:
    let_win(project, "bow")
    project.train("bilstm", 1, bonus=0.6)
    project.evaluate("bilstm")
    project.track()
    assert project.champion.tags["network"] == "bow"


def test_its_description_is_the_comparisons_sentence(project: Project) -> None:
    let_win(project, "bow")
    project.track()
    said = project.champion.description
    assert "bow on tiny, seeds 1, 2: best of 2 by validation (accuracy 0.502 in the mean)" in said
    assert "On the test split: bow is best, said the first." in said
    project.compare("second")
    project.track()
    assert "said the second" in project.champion.description and len(project.versions()) == 1


def test_a_second_call_makes_nothing_and_packs_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.track()
    before = project.champion
    monkeypatch.setattr(registry, "save", None)
    monkeypatch.setattr(MlflowClient, "create_model_version", None)
    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", None)
    monkeypatch.setattr(MlflowClient, "update_model_version", None)
    assert project.track() == (0, 0, 0)
    assert vars(project.champion) == vars(before)


def test_the_former_champion_keeps_its_version_and_comes_back_to_it(project: Project) -> None:
    let_win(project, "bow")
    project.track()
    first = project.champion
    let_win(project, "bilstm")
    project.track()
    assert project.champion.tags["network"] == "bilstm"
    assert project.versions()["bow"].version == first.version and not project.versions()["bow"].aliases
    let_win(project, "bow")
    project.track()
    assert project.champion.version == first.version and len(project.versions()) == 2


def test_it_is_rebuilt_in_an_empty_database(project: Project) -> None:
    project.track()
    before = project.champion
    project.database = "another.db"
    project.track()
    after = project.champion
    assert after.tags["dvc.package"] == before.tags["dvc.package"]
    assert after.description == before.description
    assert after.tags["model"] != before.tags["model"] and list(project.packages()) == ["bilstm seeds 1 2"]


@pytest.mark.parametrize("killed", ["save", "finalize_logged_model", "create_model_version", "alias"])
def test_what_a_kill_leaves_is_made_whole(
    project: Project, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    class Killed(BaseException):
        pass

    def kill(*arguments: object, **more: object) -> None:
        if killed != "finalize_logged_model" or saved:
            raise Killed
        finalize(*arguments, **more)

    saved, save, finalize = [], registry.save, MlflowClient.finalize_logged_model
    with monkeypatch.context() as patch:
        patch.setattr(registry, "save", lambda *given: saved.append(1) or save(*given))
        if killed == "save":
            patch.setattr(registry, "save", kill)
        elif killed == "alias":
            patch.setattr(MlflowClient, "set_registered_model_alias", kill)
        else:
            patch.setattr(MlflowClient, killed, kill)
        with pytest.raises(Killed):
            project.track()
    project.track()
    found = project.client.search_logged_models([project.experiment.experiment_id])
    assert {model.status for model in found} == {LoggedModelStatus.READY}
    assert len(project.packages()) == len(project.versions()) == 1
    assert project.champion.tags["model"] == project.packages()["bilstm seeds 1 2"].model_id


@pytest.mark.parametrize(
    "missing",
    [
        "reports/history/tiny/bilstm/1.csv",
        "models/tiny/bow/1/weights.safetensors",
        "data/vocabulary/tiny/vocabulary.txt",
    ],
)
def test_without_the_locks_files_the_champion_that_stands_is_left_alone(
    project: Project, missing: str
) -> None:
    let_win(project, "bilstm")
    project.track()
    before = project.champion
    let_win(project, "bow")
    (project.folder / missing).unlink()
    project.track()
    assert vars(project.champion) == vars(before)
    assert list(project.packages()) == ["bilstm seeds 1 2"]


def test_a_lock_that_says_nothing_of_the_corpus_leaves_its_champion_alone(project: Project) -> None:
    project.track()
    before = project.champion
    project.stages = {name: entry for name, entry in project.stages.items() if name.startswith("preprocess")}
    project.track()
    assert vars(project.champion) == vars(before)
    [package] = project.packages().values()
    assert package.model_id == before.tags["model"]


def test_without_files_and_champion_there_is_none(project: Project) -> None:
    (project.folder / "reports/history/tiny/bow/1.csv").unlink()
    project.track()
    with pytest.raises(MlflowException, match="champion"):
        assert project.champion


def test_a_network_that_predicts_words_is_no_champion(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "bilstm", NETWORKS["bilstm"] | {"task": "next_word"})
    let_win(project, "bilstm")
    project.track()
    assert project.champion.tags["network"] == "bow"


def test_other_text_rules_or_code_are_another_version(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.track()
    versions = [project.champion.version]
    project.clean(lowercase=False)
    project.track()
    versions.append(project.champion.version)
    monkeypatch.setattr(registry, "code_key", lambda: "other code")
    project.track()
    versions.append(project.champion.version)
    assert len(set(versions)) == 3


def test_a_package_holds_weights_text_and_code_and_no_pickle(project: Project) -> None:
    project.track()
    model_id = project.champion.tags["model"]
    root = project.folder / f"{project.database}-artifacts/tiny/models/{model_id}/artifacts"
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    model = {f"artifacts/model/seeds/{seed}/{name}" for seed in (1, 2) for name in MODEL}
    code = {f"code/{name}" for name in package.code_files()}
    about = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "served.py"}
    example = {"input_example.json", "serving_input_example.json"}
    assert found == model | code | about | example | {f"artifacts/model/{name}" for name in TEXT}
    assert Path(root / "artifacts/model/seeds/2/weights.safetensors").read_text() == "weights bilstm 2 0.1"


def test_pieces_that_a_tokenizer_learned_are_packed_while_they_are_the_locks(project: Project) -> None:
    project.write("data/clean/tiny/tokenizer.json", "{}")
    project.clean(tokenizer="bpe", subwords=8)
    project.track()
    model_id = project.champion.tags["model"]
    root = project.folder / f"{project.database}-artifacts/tiny/models/{model_id}/artifacts"
    assert (root / "artifacts/model/tokenizer.json").read_text() == "{}"
    assert "tokenizers==" in (root / "requirements.txt").read_text()
    project.clean(tokenizer="bpe", subwords=9)
    (project.folder / "data/clean/tiny/tokenizer.json").write_text("of another run")
    project.track()
    assert project.champion.tags["model"] == model_id


MODEL = ("model.json", "weights.safetensors")
TEXT = ("text.json", "vocabulary.txt")
