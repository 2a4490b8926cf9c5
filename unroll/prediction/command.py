"""python -m unroll predict NETWORK TEXT...: finds the model, and prints what it makes of the texts."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from unroll import catalogue, environment
from unroll.failures import Refusal
from unroll.prediction.predictor import Predictor
from unroll.training import loop

PARAMS = Path("params.yaml")
MODELS = Path("models")
VOCABULARY = Path("data/vocabulary")
CLEAN = Path("data/clean")


def predict_texts(
    network: Annotated[str, typer.Argument(help="a network of params.yaml")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="one or more; by default the lines of standard input")
    ] = None,
    corpus: Annotated[
        str | None, typer.Option(help="that it learned; by default the first one selected")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="by default the first one selected")] = None,
) -> None:
    """Print the label of each text and the probability of every class, as CSV."""
    whole = catalogue.load(PARAMS)
    corpus = corpus or whole.select.corpora[0]
    seed = whole.select.seeds[0] if seed is None else seed
    for key, name, known in (("networks", network, whole.networks), ("corpora", corpus, whole.corpora)):
        if name not in known:
            raise Refusal(f"{PARAMS}: {key} has no {name}: choose one of {', '.join(known)}")
    rules = loop.merge(whole.training, whole.corpora[corpus].training, whole.networks[network].training)
    environment.prepare_torch("cpu", rules.matmul_precision)
    text_rules = whole.corpora[corpus].text
    predictor = Predictor.load(
        MODELS / corpus / network / str(seed),
        VOCABULARY / corpus / "vocabulary.txt",
        text_rules,
        None if text_rules.subwords is None else CLEAN / corpus / "tokenizer.json",
    )
    found = predictor.predict(texts or [line.rstrip("\n") for line in sys.stdin])
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["label", *found.classes])
    for label, probabilities_C in zip(found.labels, found.probabilities_NC, strict=True):
        writer.writerow([label, *(f"{probability:.6f}" for probability in probabilities_C)])
