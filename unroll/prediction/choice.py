"""Which trained models are to read: named, or else the champion among those that are on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unroll.catalogue import Catalogue
from unroll.failures import Refusal
from unroll.prediction.champion import Champion, champion
from unroll.prediction.standing import MODELS, PARAMS, Standing, folder_of, standing

HISTORY = Path("reports/history")


@dataclass(frozen=True)
class Choice:
    corpus: str
    network: str
    seeds: tuple[int, ...]
    champion: Champion | None = None
    """What it won by, where it was not named."""

    @property
    def folders(self) -> list[Path]:
        return [folder_of(self.corpus, self.network, seed) for seed in self.seeds]

    def __str__(self) -> str:
        seeds = f"seed{'s' if len(self.seeds) > 1 else ''} {', '.join(map(str, self.seeds))}"
        said = f"{self.corpus}/{self.network}, {seeds}"
        if self.champion is None:
            return said
        won = self.champion
        score = f"{won.headline.replace('_', ' ')} {won.score:.3f} in the mean"
        return f"{said}: the champion of {won.rivals} by validation ({score})"


def named(whole: Catalogue, model: str) -> Choice:
    """Return the models that CORPUS/NETWORK or CORPUS/NETWORK/SEED names.

    Raises:
        Refusal: params.yaml or the disk has none of that name.
    """
    match model.split("/"):
        case [corpus, network]:
            seed = None
        case [corpus, network, seed] if seed.isascii() and seed.isdecimal():
            pass
        case _:
            raise Refusal(f"{model!r} is no model: give CORPUS/NETWORK, or CORPUS/NETWORK/SEED for one seed")
    _known("corpora", corpus, whole.corpora)
    _known("networks", network, whole.networks)
    if seed is not None:
        return Choice(corpus, network, (int(seed),))
    seeds = tuple(_seeds(whole, corpus, network))
    if not seeds:
        folder = MODELS / corpus / network
        raise Refusal(f"{folder} holds no model that was trained as {PARAMS} says now: run dvc repro")
    return Choice(corpus, network, seeds)


def best(whole: Catalogue, corpus: str) -> Choice:
    """Return the champion among the models on disk that were trained as params.yaml says now.

    Raises:
        Refusal: there is none of this corpus, or a learning curve is missing or damaged.
    """
    _known("corpora", corpus, whole.corpora)
    histories = {
        name: {seed: _history(corpus, name, seed) for seed in _seeds(whole, corpus, name)}
        for name, network in whole.networks.items()
        if getattr(network, "task", "classification") == "classification"
    }
    won = champion(histories, whole.corpora[corpus].headline)
    if won is None:
        raise Refusal(
            f"{MODELS / corpus} holds no classifier that was trained as {PARAMS} says now: run dvc repro"
        )
    return Choice(corpus, won.network, won.seeds, won)


def _seeds(whole: Catalogue, corpus: str, network: str) -> Iterator[int]:
    """Yield the seeds on disk, in order, without those that were left from other parameters."""
    folders = (MODELS / corpus / network).glob("*")
    for seed in sorted(int(path.name) for path in folders if path.name.isdecimal()):
        found = standing(whole, corpus, network, seed)
        if found == Standing.damaged:
            raise Refusal(f"{folder_of(corpus, network, seed) / 'model.json'} is damaged: run dvc repro")
        if found == Standing.current:
            yield seed


def _history(corpus: str, network: str, seed: int) -> Path:
    path = HISTORY / corpus / network / f"{seed}.csv"
    if not path.is_file():
        raise Refusal(f"{path} is missing, so that no champion can be told: run dvc repro, or name a --model")
    return path


def _known(key: str, name: str, names: dict[str, object]) -> None:
    if name not in names:
        raise Refusal(f"{PARAMS}: {key} has no {name}: choose one of {', '.join(names)}")
