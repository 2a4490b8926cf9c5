"""How long a served model takes to answer, for how many clients at once, and whether it grows in time.

    python -m benchmarks --sections serving

A client sends one tweet, waits for the answer and sends the next, over one connection. The clients run
beside the server, on the same cores.
"""

import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from benchmarks import ROOT, invented_tweets
from benchmarks.measurement import Row, Target, measured
from benchmarks.model_server import Client, Server, served
from unroll import catalogue, files
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.networks import checkpoints
from unroll.text.tokenization import make_tokenizer

SECTION = "serving"
CORPUS, NETWORK, SEEDS = "tweets", "bigru", (1, 2, 3)
CLIENTS = (1, 8, 32)
WORKERS = (1, 2)
"""Processes that answer."""
TEXTS = 5000
LARGE_EVERY, LARGE = 50, 200
"""In the soak each 50th request has 200 texts."""
SOAK_CLIENTS = 8
NO_ERROR = Target(0, at_most=True)
GROWTH = Target(1.0, at_most=True)
"""% of the memory; what Python's allocator keeps or returns moves it by some tenths."""


@dataclass(frozen=True)
class Load:
    """What came of asking for a while."""

    seconds: float
    latencies: list[float]
    """In seconds."""
    errors: int
    memory: list[tuple[float, int]]
    """Bytes, with the seconds after which they were counted."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return a latency in ms."""
        return 1000 * float(np.percentile(self.latencies, share))

    def growth(self) -> float:
        """Return by how many % memory grew, from the second tenth of the time to the last."""
        tenth = self.seconds / 10
        early = [bytes_ for at, bytes_ in self.memory if tenth <= at < 2 * tenth]
        late = [bytes_ for at, bytes_ in self.memory if at >= 9 * tenth]
        return 100 * (float(np.median(late)) / float(np.median(early)) - 1)


def rows(quick: bool = False) -> Iterable[Row]:
    """Yield the rows: each number of clients for half a minute, then ten minutes of soak."""
    seconds, soak = (1, 10) if quick else (30, 600)
    texts = invented_tweets.texts(TEXTS, seed=1)
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch) / "package"
        pack(package, texts)
        for workers in WORKERS[:1] if quick else WORKERS:
            with served(package, Path(scratch) / "log", workers) as server:
                load(server, texts, 2, seconds / 3)  # the first answers of a process take longer
                for clients in CLIENTS:
                    found = load(server, texts, clients, seconds)
                    yield from of_load(f"{clients} at once, {workers} processes", found)
        with served(package, Path(scratch) / "log") as server:
            yield from of_soak(soak, load(server, texts, SOAK_CLIENTS, soak, LARGE_EVERY))


def of_load(case: str, found: Load) -> list[Row]:
    return [
        measured(SECTION, case, "p50", "ms", [found.percentile(50)]),
        measured(SECTION, case, "p99", "ms", [found.percentile(99)]),
        measured(SECTION, case, "requests", "1/s", [found.rate]),
        measured(SECTION, case, "memory", "MB", [max(count for _, count in found.memory) / 1e6]),
        measured(SECTION, case, "errors", "requests", [found.errors], NO_ERROR),
    ]


def of_soak(seconds: float, found: Load) -> list[Row]:
    case = f"soak, {seconds:g} s, {SOAK_CLIENTS} at once"
    growth = measured(SECTION, case, "growth of memory", "%", [found.growth()], GROWTH)
    return [*of_load(case, found), growth]


def load(server: Server, texts: Sequence[str], clients: int, seconds: float, large_every: int = 0) -> Load:
    """Ask for so many seconds with so many clients, each a thread with other texts first."""
    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        asking = [
            pool.submit(_ask, server.port, texts[number::clients], began + seconds, large_every)
            for number in range(clients)
        ]
        memory = []
        while (now := time.monotonic()) < began + seconds:
            memory.append((now - began, server.memory()))
            time.sleep(min(1.0, seconds / 20))
        answers = [one.result() for one in asking]
    took = time.monotonic() - began
    latencies = [latency for found, _ in answers for latency in found]
    return Load(took, latencies, sum(errors for _, errors in answers), memory)


def _ask(port: int, texts: Sequence[str], until: float, large_every: int) -> tuple[list[float], int]:
    """Return the latency of each request, and how many were not answered text for text."""
    client, latencies, errors = Client(port), [], 0
    for number, text in enumerate(cycle(texts), start=1):
        if time.monotonic() >= until:
            return latencies, errors
        asked = [text] * LARGE if large_every and number % large_every == 0 else [text]
        began = time.perf_counter()
        answer = client.ask(asked)
        latencies.append(time.perf_counter() - began)
        errors += answer.status != 200 or len(answer.document["predictions"]) != len(asked)
    raise AssertionError("no texts")


def pack(folder: Path, texts: Sequence[str]) -> None:
    """Write a package of all seeds, of first weights, for the words of these texts."""
    from unroll.tracking.package import Contents, save
    from unroll.training.experiment import Experiment
    from unroll.training.loop import merge

    whole = catalogue.load(ROOT / "params.yaml")
    corpus, network = whole.corpora[CORPUS], whole.networks[NETWORK]
    rules = merge(whole.training, corpus.training, network.training)
    cut = make_tokenizer(corpus.text)
    with tempfile.TemporaryDirectory() as scratch:
        words = Vocabulary.build(map(cut, texts), VocabularyRules())
        words.save(vocabulary := Path(scratch) / "vocabulary.txt")
        document = {
            "network": network.model_dump(mode="json"),
            "training": rules.model_dump(mode="json"),
            "labels": corpus.labels,
            "vocabulary_sha256": files.sha256_of(vocabulary),
        }
        seeds = {seed: Path(scratch) / str(seed) for seed in SEEDS}
        for seed, trained in seeds.items():
            made = Experiment(network, rules, corpus.headline, len(words), len(corpus.labels), seed)
            trained.mkdir()
            checkpoints.save_model(trained, made.model(None, "cpu").state_dict(), document)
        save(folder, Contents(seeds, vocabulary, corpus.text.model_dump(mode="json"), None))
