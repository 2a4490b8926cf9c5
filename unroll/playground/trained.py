"""Which networks can be tried: the seeds of each that are trained, and how to make those that are not."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unroll.catalogue import Catalogue
from unroll.networks.spec import BagNetwork, Network
from unroll.prediction.standing import MODELS, PARAMS, Standing, folder_of, standing

VOCABULARY = Path("data/vocabulary")
CLEAN = Path("data/clean")


@dataclass(frozen=True)
class Trained:
    """One network on one corpus."""

    corpus: str
    network: str
    seeds: dict[int, Path]
    """The folder of every selected seed that can be read."""
    missing: str
    """What is not there and the way out; empty where nothing is."""


def survey(whole: Catalogue, corpora: Sequence[str], networks: Sequence[str] | None) -> Iterator[Trained]:
    """Yield what stands on disk now, corpus by corpus.

    By default these are the networks that are selected, and all others of which a folder is there.
    """
    for corpus in corpora:
        found = networks if networks is not None else _found(whole, corpus)
        yield from (_trained(whole, corpus, network) for network in found)


def pieces_of(whole: Catalogue, corpus: str) -> Path | None:
    """Return what the tokenizer of a corpus learned, where it learned something."""
    return None if whole.corpora[corpus].text.subwords is None else CLEAN / corpus / "tokenizer.json"


def described(network: Network) -> str:
    """Return "gru, both directions, 100 units, max pooling"."""
    pooling = f"{network.pooling.replace('+', ' and ')} pooling"
    if isinstance(network, BagNetwork):
        return f"no recurrence, {pooling}"
    layers = f"{network.layers} layers" if network.layers > 1 else ""
    directions = "both directions" if network.bidirectional else ""
    parts = (network.cell, layers, directions, f"{network.hidden} units", pooling)
    return ", ".join(filter(None, parts))


def _found(whole: Catalogue, corpus: str) -> list[str]:
    others = [name for name in whole.networks if (MODELS / corpus / name).is_dir()]
    return list(dict.fromkeys([*whole.select.all_networks, *others]))


def _trained(whole: Catalogue, corpus: str, network: str) -> Trained:
    wanted = whole.networks[network]
    if not isinstance(wanted, BagNetwork) and wanted.task == "next_word":
        return Trained(corpus, network, {}, "predicts next words: it knows no classes of texts")
    for needed in filter(None, (VOCABULARY / corpus / "vocabulary.txt", pieces_of(whole, corpus))):
        if not needed.is_file():
            return Trained(corpus, network, {}, f"{needed} is missing: {_way_out(whole, corpus, network)}")
    found = {seed: standing(whole, corpus, network, seed) for seed in whole.select.seeds}
    reasons = [
        f"{_seeds(seed for seed, each in found.items() if each == reason)} {reason.value}"
        for reason in Standing
        if reason != Standing.current and reason in found.values()
    ]
    return Trained(
        corpus,
        network,
        {seed: folder_of(corpus, network, seed) for seed, each in found.items() if each == Standing.current},
        f"{'; '.join(reasons)}: {_way_out(whole, corpus, network)}" if reasons else "",
    )


def _seeds(seeds: Iterable[int]) -> str:
    numbers = list(map(str, seeds))
    return f"{'seed' if len(numbers) == 1 else 'seeds'} {', '.join(numbers)}"


def _way_out(whole: Catalogue, corpus: str, network: str) -> str:
    unselected = [
        f"{name} in select.{key}"
        for key, name in (("corpora", corpus), (whole.list_of(network), network))
        if name not in getattr(whole.select, key)
    ]
    run = "run make repro SUITE=keep"
    return f"name {' and '.join(unselected)} of {PARAMS}, then {run}" if unselected else run
