"""python -m unroll predict NETWORK TEXT...: finds the model, and prints what it makes of the texts."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from unroll import catalogue, environment
from unroll.failures import Refusal
from unroll.prediction.predictor import Predictor
from unroll.prediction.reader import Precision
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
    precision: Annotated[
        Precision, typer.Option(help="bfloat16 is faster for many texts; probabilities move by thousandths")
    ] = "float32",
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
        precision=precision,
    )
    texts = _given(texts) if texts else _lines(sys.stdin.buffer.read())
    if longer := sum(len(text) > text_rules.max_characters for text in texts):
        beginning = f"the first {text_rules.max_characters:,} characters of {longer} longer texts are read"
        print(f"unroll: {beginning} ({PARAMS}: corpora.{corpus}.text.max_characters)", file=sys.stderr)
    found = predictor.predict(texts)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["label", *found.classes])
    for label, probabilities_C in zip(found.labels, found.probabilities_NC, strict=True):
        writer.writerow([label, *(f"{probability:.6f}" for probability in probabilities_C)])


def _given(texts: list[str]) -> list[str]:
    """Return the texts of the command line, in which what is not UTF-8 stands as lone surrogates."""
    for number, text in enumerate(texts, start=1):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            place = f"text {number}, character {error.start + 1}"
            raise Refusal(f"{place}: not UTF-8: give it as UTF-8") from None
    return texts


def _lines(content: bytes) -> list[str]:
    """Return the lines of standard input; "\\n" alone, or its pair with "\\r", ends one."""
    try:
        lines = content.decode("utf-8").removeprefix("\ufeff").split("\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = f"standard input, line {line}, byte {error.start}"
        raise Refusal(f"{place}: not UTF-8: {error.reason}; save it as UTF-8") from None
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]
