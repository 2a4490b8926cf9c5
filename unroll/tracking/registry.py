"""The champions in MLflow's registry: of each corpus a model of its name, whose alias says which version.

A version is made once for the same trainings, text rules and code; what has been champion keeps its version.
"""

from tempfile import TemporaryDirectory

from unroll.pipeline.lockfile import key_of
from unroll.tracking.client import NOTE, all_pages
from unroll.tracking.imports import LoggedModel, LoggedModelStatus, MlflowException, ModelVersion
from unroll.tracking.package import Contents, code_key, save
from unroll.tracking.projection_champion import Contest
from unroll.tracking.store import OURS, Store

ALIAS = "champion"
KEY = "dvc.package"
"""The tag of a package and of its version: what is in it."""


def crown(store: Store, contest: Contest) -> None:
    """Let the alias of a corpus stand for its champion; where that cannot be told or made, as it stood."""
    versions = _versions(store, contest.corpus)
    standing = next((one for one in versions if ALIAS in one.aliases), None)
    chosen = _chosen(store, contest, versions) or standing
    if chosen is None:
        return
    if standing is None or chosen.version != standing.version:
        store.client.set_registered_model_alias(contest.corpus, ALIAS, chosen.version)
    store.kept.add(chosen.tags["model"])
    store.outcome.champions += 1


def leave_others(store: Store, contests: list[Contest]) -> None:
    """Let the champions stand of corpora of which this lock says nothing: others have crowned them."""
    ours = {contest.corpus for contest in contests}
    found = all_pages(lambda token: store.client.search_registered_models(page_token=token))
    for model in found:
        if model.name not in ours and OURS.items() <= model.tags.items() and ALIAS in model.aliases:
            version = store.client.get_model_version(model.name, model.aliases[ALIAS])
            store.kept.add(version.tags["model"])


def _chosen(store: Store, contest: Contest, versions: list[ModelVersion]) -> ModelVersion | None:
    """Return the version of the corpus's champion, made if need be and if its files are there."""
    if contest.won is None:
        return None
    key = key_of([contest.key, code_key()])
    version = next((one for one in versions if one.tags[KEY] == key), None)
    if version is None and contest.is_whole:
        model = _packaged(store, contest, key)
        version = store.client.create_model_version(
            contest.corpus,
            f"models:/{model.model_id}",
            tags={KEY: key, "model": model.model_id, **_who(contest)},
            description=contest.description,
            model_id=model.model_id,
        )
    elif version and contest.verdict and version.description != contest.description:
        store.client.update_model_version(contest.corpus, version.version, contest.description)
    return version


def _versions(store: Store, corpus: str) -> list[ModelVersion]:
    """Return the versions that were made here; a model that is missing is made, without any."""
    try:
        store.client.get_registered_model(corpus)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        said = f"The best network on {corpus} by validation has the alias {ALIAS}."
        store.client.create_registered_model(corpus, OURS, said)
        return []
    query = f"name = '{corpus}'"
    found = all_pages(lambda token: store.client.search_model_versions(query, page_token=token))
    return [store.client.get_model_version(corpus, one.version) for one in found if KEY in one.tags]


def _packaged(store: Store, contest: Contest, key: str) -> LoggedModel:
    """Return the package with this key; a kill may have left it without its version."""
    experiment = store.experiment(contest.corpus).experiment_id
    found = all_pages(lambda token: store.client.search_logged_models([experiment], page_token=token))
    for model in found:
        if model.tags.get(KEY) == key and model.status == LoggedModelStatus.READY:
            return model
    who = _who(contest)
    made = store.client.create_logged_model(
        experiment,
        name=f"{who['network']} seeds {who['seeds']}",
        tags={KEY: key, NOTE: contest.description, "state": "current", "corpus": contest.corpus, **who},
        model_type="classification",
    )
    with TemporaryDirectory() as folder:
        first = contest.trainings[0]
        contents = Contents(
            seeds={training.seed: training.model for training in contest.trainings},
            vocabulary=first.vocabulary,
            rules=contest.rules,
            pieces=contest.pieces,
        )
        save(f"{folder}/package", contents, made.model_id)
        store.tracker.files_at(made.artifact_location).log_artifacts(f"{folder}/package")
    store.client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
    return made


def _who(contest: Contest) -> dict[str, str]:
    return {"network": contest.won.network, "seeds": " ".join(map(str, contest.won.seeds))}
