"""MLflow shows what dvc.lock says: nothing twice, nothing that is gone, nothing that is not so."""

import json
import shutil

import pytest
from locked_project import NETWORKS, Project

from unroll.pipeline import content


def test_each_training_is_a_run_below_its_networks_run(tracked: Project) -> None:
    runs = tracked.runs()
    networks = {f"{network}{seed}" for network in NETWORKS for seed in ("", " seed 1", " seed 2")}
    assert set(runs) == networks | {"comparison"}
    for network in NETWORKS:
        assert "mlflow.parentRunId" not in runs[network].data.tags
        for seed in (1, 2):
            child = runs[f"{network} seed {seed}"]
            assert child.data.tags["mlflow.parentRunId"] == runs[network].info.run_id
            assert child.info.status == "FINISHED"


def test_a_run_shows_what_its_files_say(tracked: Project) -> None:
    run = tracked.runs()["bilstm seed 2"]
    shown = {
        "cell": "lstm",
        "embedding.size": "4",
        "bidirectional": "true",
        "training.learning_rate": "0.1",
        "parameters": "42",
        "seed": "2",
    }
    assert shown.items() <= run.data.params.items()
    # What was merged into `training` is not shown twice, what is null or a checksum not at all.
    left_out = {"learning_rate", "training.batches_per_epoch", "embedding.vectors"}
    assert not left_out & set(run.data.params)
    tags = {
        "corpus": "tiny",
        "network": "bilstm",
        "level": "seed",
        "seed": "2",
        "cell": "lstm",
        "direction": "both",
        "pooling": "max",
        "supervision": "phrases, then sentences",
        "taught_by": "none",
        "vectors": "none",
        "state": "current",
    }
    assert tags.items() <= run.data.tags.items()
    bag = {
        "level": "network",
        "cell": "bag",
        "direction": "none",
        "vectors": "glove,mine",
        "seeds": "1 2",
        "taught_by": "minilm",
    }
    assert bag.items() <= tracked.runs()["bow"].data.tags.items()
    assert run.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert "bilstm on tiny, seed 2: kept epoch 2" in run.data.tags["mlflow.note.content"]
    assert run.data.metrics["test/accuracy"] == 0.52 and run.data.metrics["test/loss"] == 0.7
    curve = tracked.client.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in curve] == [(1, 1.0), (2, 0.5)]
    assert set(tracked.artifacts(run)) == {"history/2.csv"}


def test_a_run_names_its_data_by_the_locks_hashes(tracked: Project) -> None:
    inputs = tracked.runs()["bow seed 1"].inputs.dataset_inputs
    digests = {one.tags[0].value: one.dataset.digest for one in inputs}
    # The test split has no hash of its own in the lock: evaluation reads the whole folder.
    folders = {"train": "tiny/train", "validation": "tiny/validation", "test": "tiny"}
    hashes = {
        split: content.md5_of(tracked.folder / "data/vocabulary" / folder)
        for split, folder in folders.items()
    }
    assert digests == hashes
    source = json.loads(inputs[0].dataset.source)
    assert inputs[0].dataset.source_type == "hugging_face" and source["path"] == "someone/tiny"


def test_a_parent_shows_mean_spread_and_ensemble(tracked: Project) -> None:
    run = tracked.runs()["bow"]
    expected = {"test/accuracy_mean": 0.515, "test/accuracy_std": 0.007, "test/accuracy_ensemble": 0.6}
    assert expected.items() <= run.data.metrics.items()
    assert run.data.params["cell"] == "bag" and run.data.params["task"] == "classification"
    assert "seed" not in run.data.params
    assert set(tracked.artifacts(run)) == {"scores/bow.json", "predictions/bow.parquet"}


def test_one_seed_has_no_spread_to_show(project: Project) -> None:
    project.evaluate("bow", seeds=(1,))
    project.track()
    assert "test/accuracy_std" not in project.runs()["bow"].data.metrics


def test_a_curve_longer_than_one_batch_is_whole(project: Project) -> None:
    project.train("bow", 1, epochs=700)
    project.evaluate("bow")
    project.track()
    run = project.runs()["bow seed 1"]
    for metric in ("train/loss", "validation/accuracy"):
        steps = [point.step for point in project.client.get_metric_history(run.info.run_id, metric)]
        assert sorted(steps) == list(range(1, 701))


def test_a_second_call_makes_nothing_and_reads_no_weights(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.track()
    before = project.ids()
    read = []
    hash_of_file = content._md5_of_file
    monkeypatch.setattr(content, "_md5_of_file", lambda path: read.append(path.name) or hash_of_file(path))
    assert project.track() == (0, 0, 0)
    assert project.ids() == before
    assert read and "weights.safetensors" not in read


def test_a_changed_entry_makes_a_new_run_and_the_old_one_stale(project: Project) -> None:
    project.track()
    before = project.ids()
    project.train("bow", 1, rate=0.2)
    project.evaluate("bow", shift=0.01)
    # Seed 2 was trained as before, but scored anew.
    assert project.track() == (3, 0, 3)
    after = project.runs()
    assert after["bow seed 1"].data.params["training.learning_rate"] == "0.2"
    assert after["bilstm"].info.run_id == before["bilstm"]
    stale = {run.info.run_id for run in project.runs("stale").values()}
    assert stale == {before["bow"], before["bow seed 1"], before["bow seed 2"]}


def test_what_comes_back_is_revived(project: Project) -> None:
    project.track()
    before = project.ids()
    project.train("bow", 1, rate=0.2)
    project.evaluate("bow")
    # The second seed's entry and scores are as before.
    assert project.track() == (2, 0, 2)
    project.train("bow", 1)
    project.evaluate("bow")
    assert project.track() == (0, 2, 2)
    assert project.ids() == before
    assert project.runs()["bow seed 2"].data.tags["mlflow.parentRunId"] == before["bow"]


def test_keys_do_not_depend_on_the_order_in_the_lock(project: Project) -> None:
    project.track()
    project.stages = {
        stage: dict(reversed(entry.items())) for stage, entry in reversed(list(project.stages.items()))
    }
    assert project.track() == (0, 0, 0)


@pytest.mark.parametrize("fault", ["running", "without state"])
@pytest.mark.parametrize("name", ["bow", "bow seed 1"])
def test_a_half_written_run_is_made_again(project: Project, name: str, fault: str) -> None:
    project.track()
    broken = project.ids()[name]
    if fault == "running":
        project.client.update_run(broken, status="RUNNING")
    else:
        project.client.delete_tag(broken, "state")
    assert project.track() == (1, 0, 0)
    gone = project.client.get_run(broken).info
    assert gone.lifecycle_stage == "deleted"
    assert gone.status == ("KILLED" if fault == "running" else "FINISHED")
    runs = project.runs()
    assert runs[name].info.run_id != broken and len(runs) == 7
    assert runs["bow seed 1"].data.tags["mlflow.parentRunId"] == runs["bow"].info.run_id


@pytest.mark.parametrize("fault", ["missing", "changed"])
def test_no_run_is_made_of_files_that_are_not_the_locks(project: Project, fault: str) -> None:
    weights = project.folder / "models/tiny/bow/1/weights.safetensors"
    if fault == "missing":
        weights.unlink()
    else:
        weights.write_text("of another training")
    project.track()
    runs = project.runs()
    assert "bow seed 1" not in runs
    # The scores are of models that are no longer on disk, so that they are not shown either.
    assert "bow seed 2" in runs and "test/accuracy" not in runs["bow seed 2"].data.metrics
    assert "test/accuracy" in runs["bilstm seed 1"].data.metrics


def test_a_run_outlives_its_files_while_the_lock_knows_it(project: Project) -> None:
    project.track()
    project.evaluate("bow", shift=0.01)
    assert project.track() == (3, 0, 3)
    before = project.ids()
    for folder in ("models", "reports/history", "reports/scores", "reports/predictions"):
        shutil.rmtree(project.folder / folder)
    assert project.track() == (0, 0, 0)
    assert project.ids() == before


def test_a_run_dies_with_its_entry_though_its_files_remain(project: Project) -> None:
    project.track()
    del project.stages["train@tiny-bow-2"]
    new, revived, stale = project.track()
    assert "bow seed 2" in project.runs("stale") and "bow seed 2" not in project.runs()
    # The parent's mean is of both seeds, and one of them is none of the lock's any more.
    assert (new, revived, stale) == (1, 0, 2)


def test_all_runs_of_a_corpus_that_left_the_lock_are_stale(project: Project) -> None:
    project.track()
    project.stages = {}
    assert project.track() == (0, 0, 7)
    assert project.runs() == {}


def test_scores_are_not_given_to_a_model_that_was_trained_after_them(project: Project) -> None:
    project.track()
    before = project.ids()
    project.train("bow", 1, rate=0.2)
    project.track()
    runs = project.runs()
    assert "test/accuracy" not in runs["bow seed 1"].data.metrics
    assert "test/accuracy_mean" not in runs["bow"].data.metrics
    assert runs["bow seed 2"].info.run_id == before["bow seed 2"]
    project.evaluate("bow")
    project.track()
    assert "test/accuracy" in project.runs()["bow seed 1"].data.metrics
    assert len(project.runs()) == 7


def test_fewer_seeds_make_another_parent_and_keep_every_training(project: Project) -> None:
    project.track()
    before = project.ids()
    project.evaluate("bow", seeds=(1,))
    assert project.track() == (1, 0, 1)
    runs = project.runs()
    assert runs["bow"].data.tags["seeds"] == "1" and runs["bow"].info.run_id != before["bow"]
    assert runs["bow seed 2"].info.run_id == before["bow seed 2"]
    project.evaluate("bow")
    assert project.track() == (0, 1, 1)
    assert project.ids() == before


def test_edited_scores_are_not_shown(project: Project) -> None:
    scores = project.folder / "reports/scores/tiny/bow.json"
    scores.write_text(scores.read_text().replace("0.51", "0.91"))
    project.track()
    runs = project.runs()
    assert "test/accuracy" not in runs["bow seed 1"].data.metrics and not runs["bow"].data.metrics


def test_runs_of_others_are_left_alone(project: Project) -> None:
    project.track()
    ours = project.client.get_experiment_by_name("tiny").experiment_id
    theirs = project.client.create_experiment("theirs")
    by_hand = project.client.create_run(ours).info.run_id
    elsewhere = project.client.create_run(theirs, tags={"dvc.key": "x", "state": "current"}).info.run_id
    assert project.track() == (0, 0, 0)
    for run_id in (by_hand, elsewhere):
        run = project.client.get_run(run_id)
        assert run.info.lifecycle_stage == "active" and run.data.tags.get("state") != "stale"


def test_what_was_deleted_in_mlflow_is_there_again(project: Project) -> None:
    project.track()
    before = project.keys()
    project.client.delete_run(project.ids()["bow seed 1"])
    assert project.track() == (1, 0, 0)
    assert project.keys() == before
    project.client.delete_experiment(project.client.get_experiment_by_name("tiny").experiment_id)
    project.track()
    assert project.keys() == before


def test_a_repeated_run_steps_back(project: Project) -> None:
    """Two machines that track into one server at once can each make the same run."""
    project.track()
    run = project.runs()["bow seed 1"]
    tags = {name: value for name, value in run.data.tags.items() if name != "mlflow.runName"}
    again = project.client.create_run(run.info.experiment_id, tags=tags, run_name="again").info.run_id
    project.client.set_terminated(again)
    assert project.track() == (0, 0, 1)
    assert len(project.runs()) == 7
