"""One pass of the notebooks' own loops against the same networks in our pipeline.

Each network twice: trained as we train it, with batches and rates of our own, and as its preset says.
"""

from collections.abc import Iterable
from contextlib import ExitStack

from benchmarks import ROOT
from benchmarks.corpora import Located
from benchmarks.measurement import Row, Target, compared
from benchmarks.slices import Slice
from benchmarks.worker import Worker
from unroll import catalogue

SECTION = "notebooks"
PRESETS = {
    "t2_rnn": ("T2 RNN, batches of 4", 4.0),
    "t2_gru": ("T2 GRU, batches of 4", 4.0),
    "t2_lstm": ("T2 LSTM, batches of 4", 4.0),
    "t3_rnn": ("T3, loop in Python", 10.0),
    "t4_rnn": ("T4 RNN, batches of 16", 4.0),
    "t4_lstm": ("T4 LSTM, batches of 16", 4.0),
    "t4_lstm_packed": ("T4 LSTM packed, batches of 16", 4.0),
}
"""What each is called, and how many times its loop ours is to reach."""
ONE_PASS = {"epochs": 1, "patience": 1, "batches_per_epoch": None}
SLICES = 10


def corpora(presets: Iterable[str]) -> dict[str, str]:
    """Return for each preset the corpus that params.yaml holds it against its notebook on."""
    whole = catalogue.load(ROOT / "params.yaml")
    return {preset: whole.reference[preset].corpus for preset in presets}


def rows(located: dict[str, Located]) -> Iterable[Row]:
    """Yield the rows of each preset, given its corpus."""
    whole = catalogue.load(ROOT / "params.yaml")
    for preset, corpus in located.items():
        as_preset = {"network": preset, "rules": ONE_PASS, "passes": 1}
        as_ours = as_preset | {"network": whole.reference[preset].ours}
        with ExitStack() as held:
            loops = {
                "notebook": held.enter_context(Worker("reference", corpus.settings | {"preset": preset})),
                "ours": held.enter_context(Worker("ours", corpus.settings | as_ours)),
                "preset": held.enter_context(Worker("ours", corpus.settings | as_preset)),
            }
            slices = one_pass(loops, corpus.tokens)
        title, bound = PRESETS[preset]
        headline = whole.corpora[corpus.name].headline
        yield from of_preset(f"{title}, {corpus.name}", Target(bound), headline, slices)


def one_pass(loops: dict[str, Worker], tokens: int) -> dict[str, list[Slice]]:
    """Let all loops pass once over the training split, a tenth of it each in turn."""
    for worker in loops.values():
        worker.run(units=0)  # all are ready before any is measured
    slices: dict[str, list[Slice]] = {name: [] for name in loops}
    for number in range(1, SLICES + 1):
        for name, worker in loops.items():
            done = sum(part.units for part in slices[name])
            upto = tokens * number / SLICES if number < SLICES else float("inf")
            slices[name].append(worker.run(units=upto - done))
    return slices


def of_preset(case: str, target: Target, headline: str, slices: dict[str, list[Slice]]) -> list[Row]:
    rates = {name: [part.rate for part in parts] for name, parts in slices.items()}
    scores = {name: parts[-1].score for name, parts in slices.items()}
    found = []
    for name, words in (("ours", "as we train it"), ("preset", "as its preset says")):
        asked = target if name == "ours" else None
        as_good = scores[name] >= scores["notebook"]
        found += [
            compared(
                SECTION, case, f"speed, {words}", "tokens/s", rates[name], rates["notebook"], asked, as_good
            ),
            compared(
                SECTION,
                case,
                f"validation score, {words}",
                headline,
                [scores[name]],
                [scores["notebook"]],
                Target(1.0) if name == "ours" else None,
            ),
        ]
    return found
