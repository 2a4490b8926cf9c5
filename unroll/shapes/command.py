"""python -m unroll shapes NETWORK: finds the data and the weights, and writes the page."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from torch import Tensor, nn

from unroll import catalogue, environment, files, frames
from unroll.catalogue import Catalogue
from unroll.evaluation import models
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import SPECIAL, UNKNOWN, Vocabulary
from unroll.networks.batches import Batch, EncodedSplit
from unroll.networks.classifier import NextWordModel
from unroll.networks.embeddings import pretrained
from unroll.prediction import standing
from unroll.shapes import walk
from unroll.shapes.view import View, page, show
from unroll.text.tokenization import make_tokenizer
from unroll.training.experiment import Experiment

PARAMS = Path("params.yaml")
CLEAN = Path("data/clean")
TOKENIZER = "tokenizer.json"
VOCABULARY = Path("data/vocabulary")
VECTORS = Path("data/vectors")
MODELS = Path("models")
PAGES = Path("reports/shapes")
ROWS = 4
UNTRAINED_SEED = 1


def show_shapes(
    network: Annotated[str, typer.Argument(help="a network of params.yaml")],
    corpus: Annotated[
        str | None, typer.Option(help="a corpus of params.yaml; by default the first one selected")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="whose values to show; by default the shortest row of the batch")
    ] = None,
) -> None:
    """Show the way of one batch through a network: every step's shape, weights and values."""
    whole = catalogue.load(PARAMS)
    corpus = corpus or whole.select.corpora[0]
    _check("networks", network, whole.networks)
    _check("corpora", corpus, whole.corpora)
    _check_data(whole, corpus, network)
    environment.prepare_torch("cpu", "highest")
    vocabulary = Vocabulary.load(VOCABULARY / corpus / "vocabulary.txt")
    vectors = VECTORS / corpus / network / "training"
    model, origin = _model(whole, corpus, network, pretrained(vectors, "vocabulary"), len(vocabulary))
    split = EncodedSplit.load(
        VOCABULARY / corpus / "validation", "cpu", len(vocabulary), pretrained(vectors, "validation")
    )
    tokens = frames.read_parquet(CLEAN / corpus / "validation.parquet", ["tokens"])["tokens"]
    batch = split.batch(np.arange(min(ROWS, len(split))))
    batch_words = tuple(_words(row) for row in tokens[: len(batch.lengths_B)])
    if text is None:
        row = int(batch.lengths_B.argmin())
        name, words, one = f"row {row + 1} of the batch", batch_words[row], split.batch(np.array([row]))
    else:
        words = _words(_tokenizer(whole, corpus)(text))
        name, one = "the text given", _unlabelled(vocabulary.encode(list(words)))
    steps = walk.trace(model, one)
    # A text of one's own has no label; its words are labels enough.
    if text is None or isinstance(model, NextWordModel):
        steps += walk.loss(model, one)
    view = View(
        network=network,
        corpus=corpus,
        origin=origin,
        classes=whole.corpora[corpus].labels,
        vocabulary=tuple(vocabulary.ids),
        batch=batch,
        batch_words=batch_words,
        batch_steps=(*walk.trace(model, batch), *walk.loss(model, batch)),
        text_name=name,
        text_words=words,
        text_steps=tuple(steps),
    )
    console = Console()
    show(view, console)
    path = PAGES / f"{corpus}-{network}.html"
    files.write_text(path, page(view))
    console.print(f"The same as a page: {path}", soft_wrap=True)


def _check(key: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise Refusal(f"{PARAMS}: {key} has no {name}: choose one of {', '.join(known)}")


def _check_data(whole: Catalogue, corpus: str, network: str) -> None:
    needed = [VOCABULARY / corpus / "vocabulary.txt", CLEAN / corpus / "validation.parquet"]
    if whole.corpora[corpus].text.subwords is not None:
        needed.append(CLEAN / corpus / TOKENIZER)
    if whole.networks[network].embedding.vectors:
        needed.append(VECTORS / corpus / network / "training/vocabulary.npy")
    for path in needed:
        if not path.exists():
            raise Refusal(
                f"{path} is missing: name {corpus} in select.corpora and {network} in "
                f"select.{whole.list_of(network)} of {PARAMS}, then run make repro SUITE=keep"
            )


def _model(
    whole: Catalogue, corpus: str, network: str, vectors_VE: Tensor | None, vocabulary: int
) -> tuple[nn.Module, str]:
    """Return the trained model of the first selected seed where there is one, and what it is."""
    folder = MODELS / corpus / network / str(whole.select.seeds[0])
    wanted = whole.networks[network]
    why = f"{folder} is not there"
    if folder.exists():
        digest = files.sha256_of(VOCABULARY / corpus / "vocabulary.txt")
        model, document = models.load_model(folder, digest, "cpu")
        if document["network"] == wanted.model_dump(mode="json"):
            return model, f"trained, {folder}"
        why = f"{folder} was trained before {PARAMS} changed"
    corpus_params = whole.corpora[corpus]
    experiment = Experiment(
        wanted,
        standing.rules_of(whole, corpus, network),
        corpus_params.headline,
        vocabulary,
        len(corpus_params.labels),
        UNTRAINED_SEED,
    )
    return experiment.model(
        vectors_VE, "cpu"
    ), f"untrained, the first weights of seed {UNTRAINED_SEED} ({why})"


def _tokenizer(whole: Catalogue, corpus: str) -> Callable[[str], list[str]]:
    rules, learned = whole.corpora[corpus].text, CLEAN / corpus / TOKENIZER
    trained = None if rules.subwords is None else learned.read_text(encoding="utf-8")
    return make_tokenizer(rules.of_new_texts, trained=trained)


def _words(tokens: list[str]) -> tuple[str, ...]:
    """Return what was encoded: a text without tokens reads as one unknown word."""
    return tuple(tokens) or (SPECIAL[UNKNOWN],)


def _unlabelled(ids: list[int]) -> Batch:
    return Batch(torch.tensor([ids]), torch.tensor([len(ids)]), torch.zeros(1, dtype=torch.long), even=True)
