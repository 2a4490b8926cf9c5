"""How many texts a second a trained classifier reads on one core, and how long it takes for one."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from benchmarks import ROOT
from benchmarks.corpora import Located
from benchmarks.measurement import Row, Target, measured
from benchmarks.slices import Loop
from benchmarks.worker import Worker, rounds
from unroll import catalogue, environment, files, frames
from unroll.networks import checkpoints
from unroll.text.tokenization import TextRules

SECTION = "prediction"
NETWORKS = ("rnn", "lstm", "gru", "birnn", "bilstm", "bigru")
FASTEST = TextRules(normalise=(), tokenizer="tweet_re2", lowercase=True)
"""The tokenizer in compiled code."""
BATCH = 4096
"""Texts that are handed over at once."""
THROUGHPUT = Target(20_000)
LATENCY = Target(2.0, at_most=True)
FORMS = {
    "encoded": ("many at once, encoded already", None),
    "fastest": (f"many at once, cut by {FASTEST.tokenizer}", THROUGHPUT),
    "rounded": (f"many at once, cut by {FASTEST.tokenizer}, in bfloat16", THROUGHPUT),
    "own": ("many at once, cut as the corpus is", None),
}


def prediction(data: str, corpus: str, network: str, form: str) -> Loop:
    """Read the test split over and over with first weights.

    In one of FORMS, text by text ("one"), or encoded already by torch's own layer ("layer").
    """
    from unroll.prediction.predictor import Predictor

    vocabulary = Path(data) / "data/vocabulary" / corpus / "vocabulary.txt"
    with tempfile.TemporaryDirectory() as folder:
        changes = {"implementation": "library"} if form == "layer" else {}
        own = save_first_weights(Path(folder), vocabulary, corpus, network, **changes)
        text_rules = FASTEST if form in ("fastest", "rounded") else own
        precision = "bfloat16" if form == "rounded" else "float32"
        predictor = Predictor.load(Path(folder), vocabulary, text_rules, precision=precision)
    if form == "layer":
        predictor = replace(predictor, reader=None)
    chunks = chunks_of(data, corpus, 1 if form == "one" else BATCH)
    encoded = form in ("encoded", "layer")
    read = predictor.predict_encoded if encoded else predictor.predict
    parts = [predictor.encode(chunk) for chunk in chunks] if encoded else chunks

    def repeat() -> Iterator[int]:
        for part in cycle(parts):
            read(part)
            yield len(part)

    return repeat()


def save_first_weights(
    folder: Path, vocabulary: Path, corpus: str, network: str, **changes: object
) -> TextRules:
    """Write a network, with changes, as if it had been trained; make torch ready for it.

    Return the rules of its corpus.
    """
    from unroll.training.experiment import Experiment
    from unroll.training.loop import merge

    whole = catalogue.load(ROOT / "params.yaml")
    chosen, spec = whole.corpora[corpus], whole.networks[network].model_copy(update=changes)
    rules = merge(whole.training, chosen.training, spec.training)
    environment.prepare_torch("cpu", rules.matmul_precision)
    size = vocabulary.read_text(encoding="utf-8").count("\n")
    model = Experiment(spec, rules, chosen.headline, size, len(chosen.labels), seed=1).model(None, "cpu")
    document = {
        "network": spec.model_dump(mode="json"),
        "labels": chosen.labels,
        "vocabulary_sha256": files.sha256_of(vocabulary),
    }
    checkpoints.save_model(folder, model.state_dict(), document)
    return chosen.text


def chunks_of(data: str, corpus: str, count: int) -> list[list[str]]:
    """Return the texts of the test split, so many at a time."""
    clean = Path(data) / "data/clean" / corpus / "test.parquet"
    texts = frames.read_parquet(clean, ["text"])["text"].tolist()
    return [texts[at : at + count] for at in range(0, len(texts), count)]


def rounding(data: str, corpus: str, network: str) -> Loop:
    """Read the test split with each trained network, as it is and in bfloat16.

    The score is the share of labels that differ, in %; None where no network has been trained.
    """
    from unroll.evaluation.models import load_model
    from unroll.networks.batches import EncodedSplit
    from unroll.networks.tasks import predict
    from unroll.prediction.reader import Reader

    environment.prepare_torch("cpu", "highest")
    folder = Path(data) / "data/vocabulary" / corpus
    vocabulary = folder / "vocabulary.txt"
    split = EncodedSplit.load(folder / "test", "cpu", vocabulary.read_text(encoding="utf-8").count("\n"))
    differ = []
    for trained in sorted((Path(data) / "models" / corpus / network).glob("*")):
        model, _ = load_model(trained, files.sha256_of(vocabulary), "cpu")
        exact, rounded = predict(model, split), Reader.of(model, "bfloat16").probabilities(split)
        differ.append(float((exact.argmax(axis=1) != rounded.argmax(axis=1)).mean()))
        yield len(split)
    return 100 * sum(differ) / len(differ) if differ else None


def rows(corpus: Located, count: int, seconds: float, networks: Iterable[str] = NETWORKS) -> Iterable[Row]:
    """Yield the rows of each network, measured in `count` rounds of so many seconds a form."""
    for network in networks:
        with ExitStack() as held:
            loops = {
                form: held.enter_context(
                    Worker("prediction", corpus.settings | {"network": network, "form": form})
                )
                for form in (*FORMS, "one")
            }
            rates = rounds(loops, count, seconds)
        with Worker("rounding", corpus.settings | {"network": network}) as reading:
            differ = reading.run().score
        yield from of_network(f"{corpus.name}, {network}", rates, differ)


def of_network(case: str, rates: dict[str, list[float]], differ: float | None) -> list[Row]:
    found = [
        measured(SECTION, case, words, "texts/s", rates[form], target)
        for form, (words, target) in FORMS.items()
    ]
    each = [1000 / rate for rate in rates["one"]]
    found.append(measured(SECTION, case, "one text, cut as the corpus is", "ms", each, LATENCY))
    if differ is not None:
        found.append(measured(SECTION, case, "labels that bfloat16 changes", "% of texts", [differ]))
    return found
