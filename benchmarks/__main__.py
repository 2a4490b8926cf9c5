"""How fast all of it is, measured in one run: `make bench`.

    python -m benchmarks                           every section; results.csv, docs/speed.md and its plot
    python -m benchmarks --sections training       some of them; the others stay as they were measured
    python -m benchmarks --quick                   whether it runs: a minute or two, figures of no worth

Measure on a machine that does nothing else. A row is printed as soon as it is measured.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from benchmarks import ROOT, export, machine, notebooks, prediction, report, training
from benchmarks.corpora import locate
from benchmarks.measurement import Row, said
from unroll import files
from unroll.failures import told_plainly

RESULTS, PAGE, PLOT = ROOT / "benchmarks/results.csv", ROOT / "docs/speed.md", ROOT / "docs/benchmark.svg"
SCRATCH = ROOT / ".unroll/benchmarks"


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    rounds: int
    seconds: float
    """Of each loop in a round."""
    corpora: tuple[str, ...]
    sizes: tuple[training.Size, ...]
    """These two in training."""
    presets: tuple[str, ...]
    networks: tuple[str, ...]
    """In prediction and export."""
    quick: bool


WHOLE = Effort(
    rounds=3,
    seconds=0.5,
    corpora=training.CORPORA,
    sizes=training.SIZES,
    presets=tuple(notebooks.PRESETS),
    networks=prediction.NETWORKS,
    quick=False,
)
QUICK = Effort(
    rounds=1,
    seconds=0.1,
    corpora=("sst5",),
    sizes=training.SIZES[-1:],
    presets=("t4_rnn",),
    networks=("gru",),
    quick=True,
)


def _training(effort: Effort, scratch: Path) -> Iterable[Row]:
    found = locate(effort.corpora, scratch)
    return training.rows(found.values(), effort.rounds, effort.seconds, effort.sizes)


def _notebooks(effort: Effort, scratch: Path) -> Iterable[Row]:
    wanted = notebooks.corpora(effort.presets)
    found = locate(tuple(dict.fromkeys(wanted.values())), scratch)
    return notebooks.rows({preset: found[corpus] for preset, corpus in wanted.items()})


def _prediction(effort: Effort, scratch: Path) -> Iterable[Row]:
    corpus = locate(("tweets",), scratch)["tweets"]
    return prediction.rows(corpus, effort.rounds, effort.seconds, effort.networks)


def _export(effort: Effort, scratch: Path) -> Iterable[Row]:
    corpus = locate(("tweets",), scratch)["tweets"]
    return export.rows(corpus, effort.rounds, effort.seconds, effort.networks)


def _of_module(name: str) -> Callable[[Effort, Path], Iterable[Row]]:
    """Return a section that measures whole processes; it chooses its own rounds and makes its own data."""

    def rows(effort: Effort, scratch: Path) -> Iterable[Row]:
        module = f"benchmarks.{name}"
        if find_spec(module) is None or not hasattr(import_module(module), "rows"):
            return [said(name, "", "not measured", f"{module} has no rows")]
        return import_module(module).rows(quick=effort.quick)

    return rows


SECTIONS: dict[str, Callable[[Effort, Path], Iterable[Row]]] = {
    "training": _training,
    "notebooks": _notebooks,
    "pipeline": _of_module("pipeline"),
    "preprocessing": _of_module("preprocessing"),
    "prediction": _prediction,
    "export": _export,
    "serving": _of_module("serving"),
    "cluster": _of_module("cluster"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    effort = QUICK if chosen.quick else WHOLE
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for row in _all(effort, chosen.sections, Path(scratch)):
            print(" | ".join(f"{value}" for value in report.as_table([row])[0].values()), flush=True)
            rows.append(row)
            # What has been measured is kept if a later section fails.
            files.write_csv(SCRATCH / "results.csv", report.as_table(rows))
    if effort.quick:
        print(f"{SCRATCH / 'results.csv'} has these rows; they say nothing, so that {RESULTS} stays as it is")
    else:
        report.write(report.with_other_sections(rows, RESULTS, list(SECTIONS)), RESULTS, PAGE, PLOT)


def _all(effort: Effort, sections: Iterable[str], scratch: Path) -> Iterable[Row]:
    yield from machine.rows(effort.rounds, effort.seconds)
    for name in sections:
        yield from SECTIONS[name](effort, scratch)


if __name__ == "__main__":
    with told_plainly():
        main()
