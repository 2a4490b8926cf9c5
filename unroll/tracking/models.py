"""A trained model as MLflow's own entity: what it reads and answers, its files, and no code.

MLflow's PyTorch flavour would pickle or freeze the length of a text. What is kept here instead is
what the pipeline itself loads, safetensors and text, under a flavour of our own name.
"""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from unroll.tracking.client import NOTE, Tracker, all_pages
from unroll.tracking.imports import (
    ColSpec,
    DataType,
    LoggedModelOutput,
    LoggedModelStatus,
    MlflowClient,
    ModelSignature,
    Object,
    Property,
    RunInfo,
    Schema,
)
from unroll.tracking.imports import Model as Description
from unroll.tracking.projection import Model

FLAVOUR = "unroll"


def log_model(tracker: Tracker, run: RunInfo, model: Model, note: str) -> str:
    """Make the model that a run trained and return its id; one that is not READY was cut short."""
    made = tracker.client.create_logged_model(
        run.experiment_id,
        name=model.name,
        source_run_id=run.run_id,
        tags=model.tags | {NOTE: note, "state": "current"},
        params=model.params,
        model_type=model.document["network"].get("task", "classification"),
    )
    with TemporaryDirectory() as folder:
        # A link is followed where it is copied: weights are read once.
        for path in model.files:
            (Path(folder) / path.name).symlink_to(path.resolve())
        _describe(Path(folder), made.model_id, model)
        tracker.files_at(made.artifact_location).log_artifacts(folder)
    trained = LoggedModelOutput(made.model_id, model.document["best_epoch"])
    tracker.client.log_outputs(run.run_id, [trained])
    tracker.client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
    return made.model_id


def settle_models(client: MlflowClient, experiment_ids: list[str], kept: Iterable[str]) -> None:
    """Tag each model as its run is, or as it is itself if none made it; delete what a kill left unfinished.

    `kept` are the ids of runs, and of models without one.
    """
    current = set(kept)
    found = all_pages(lambda token: client.search_logged_models(experiment_ids, page_token=token))
    # A list first: to delete one amid the pages would shift those that follow.
    for model in list(found) if experiment_ids else []:
        state = "current" if (model.source_run_id or model.model_id) in current else "stale"
        if model.status != LoggedModelStatus.READY or "state" not in model.tags:
            client.delete_logged_model(model.model_id)
        elif model.tags["state"] != state:
            client.set_logged_model_tags(model.model_id, {"state": state})


def _describe(folder: Path, model_id: str, model: Model) -> None:
    """Write MLmodel, which says what the model reads and answers, and what must be installed for it."""
    flavour = {path.stem: path.name for path in model.files}
    description = Description(model_id=model_id, signature=_signature(model.document))
    description.add_flavor(FLAVOUR, **flavour)
    description.save(str(folder / "MLmodel"))
    requirements = "".join(f"{name}=={version}\n" for name, version in model.requirements.items())
    (folder / "requirements.txt").write_text(requirements, encoding="utf-8")


def _signature(document: dict) -> ModelSignature:
    """A text gives its label and each class's probability, or else a next word with its own."""
    if document["network"].get("task") == "next_word":
        answer = [ColSpec("string", "word"), ColSpec("double", "probability")]
    else:
        answer = of_classes(document["labels"])
    return ModelSignature(inputs=Schema([ColSpec("string", "text")]), outputs=Schema(answer))


def of_classes(labels: list[str]) -> list[ColSpec]:
    classes = Object([Property(label, DataType.double) for label in labels])
    return [ColSpec("string", "label"), ColSpec(classes, "probabilities")]
