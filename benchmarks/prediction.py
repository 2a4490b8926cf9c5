"""How many texts a second a trained classifier reads on one core, and how long it takes for one."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

from benchmarks.corpora import Located
from benchmarks.measurement import Row, Target, measured
from benchmarks.worker import ROOT, Loop, Worker, rounds
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
    "own": ("many at once, cut as the corpus is", None),
}


def prediction(data: str, corpus: str, network: str, form: str) -> Loop:
    """Read the test split over and over, in one of FORMS or text by text ("one"), with first weights."""
    from unroll.prediction.predictor import Predictor
    from unroll.training.experiment import Experiment
    from unroll.training.loop import merge

    whole = catalogue.load(ROOT / "params.yaml")
    chosen, spec = whole.corpora[corpus], whole.networks[network]
    rules = merge(whole.training, chosen.training, spec.training)
    environment.prepare_torch("cpu", rules.matmul_precision)
    vocabulary = Path(data) / "data/vocabulary" / corpus / "vocabulary.txt"
    size = vocabulary.read_text(encoding="utf-8").count("\n")
    model = Experiment(spec, rules, chosen.headline, size, len(chosen.labels), seed=1).model(None, "cpu")
    document = {
        "network": spec.model_dump(mode="json"),
        "labels": chosen.labels,
        "vocabulary_sha256": files.sha256_of(vocabulary),
    }
    with tempfile.TemporaryDirectory() as folder:
        checkpoints.save_model(Path(folder), model.state_dict(), document)
        predictor = Predictor.load(Path(folder), vocabulary, FASTEST if form == "fastest" else chosen.text)
    clean = Path(data) / "data/clean" / corpus / "test.parquet"
    texts = frames.read_parquet(clean, ["text"])["text"].tolist()
    count = 1 if form == "one" else BATCH
    chunks = [texts[at : at + count] for at in range(0, len(texts), count)]
    read = predictor.predict_encoded if form == "encoded" else predictor.predict
    parts = [predictor.encode(chunk) for chunk in chunks] if form == "encoded" else chunks

    def repeat() -> Iterator[int]:
        for part in cycle(parts):
            read(part)
            yield len(part)

    return repeat()


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
        yield from of_network(f"{corpus.name}, {network}", rates)


def of_network(case: str, rates: dict[str, list[float]]) -> list[Row]:
    found = [
        measured(SECTION, case, words, "texts/s", rates[form], target)
        for form, (words, target) in FORMS.items()
    ]
    each = [1000 / rate for rate in rates["one"]]
    return [*found, measured(SECTION, case, "one text, cut as the corpus is", "ms", each, LATENCY)]
