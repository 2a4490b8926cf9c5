"""What changed between two comparisons, and what of it is noise."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from unroll.comparison.scores import in_words, lower_is_better, unit, written
from unroll.failures import Refusal
from unroll.report.tables import Table, as_markdown

KEY = ("corpus", "network", "metric")
FIGURES = ("mean", "ci_low", "ci_high")


@dataclass(frozen=True)
class Figure:
    mean: float
    half_width: float | None
    """Of its interval over seeds; None with one seed, and of an ensemble or a floor."""


@dataclass(frozen=True)
class Change:
    corpus: str
    network: str
    metric: str
    before: float
    after: float
    verdict: str


Figures = dict[tuple[str, str, str], Figure]
"""By corpus, network and metric."""


def show_changes(
    base: Annotated[Path, typer.Argument(help="a comparison.csv to hold the new one against")],
    new: Annotated[Path, typer.Argument(help="the new comparison.csv")],
) -> None:
    """Print in Markdown what changed from one comparison to another; noise is called noise."""
    typer.echo(markdown(read(base), read(new)), nl=False)


def read(path: Path) -> Figures:
    """Return a comparison's figures.

    Raises:
        Refusal: the file is missing, or is no comparison.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return {tuple(row[name] for name in KEY): _figure(row) for row in csv.DictReader(stream)}
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: name a comparison.csv") from None
    except (KeyError, ValueError) as error:
        raise Refusal(f"{path} is no comparison.csv ({error}): it needs {', '.join(KEY + FIGURES)}") from None


def _figure(row: dict[str, str]) -> Figure:
    known = row["ci_low"] != "" and row["ci_high"] != ""
    half_width = (float(row["ci_high"]) - float(row["ci_low"])) / 2 if known else None
    return Figure(float(row["mean"]), half_width)


def changes(base: Figures, new: Figures) -> list[Change]:
    """Return every figure that both have and that differs, in the order of the new comparison."""
    return [
        Change(*key, base[key].mean, figure.mean, _verdict(key[-1], base[key], figure))
        for key, figure in new.items()
        if key in base and figure.mean != base[key].mean
    ]


def _verdict(metric: str, before: Figure, after: Figure) -> str:
    """Noise is a difference within its own interval, which two independent means' intervals give.

    Their half widths add as the sides of a right angle (Cumming and Finch 2005, Inference by eye).
    The intervals over seeds are the ones: both comparisons have the same test rows.
    """
    if before.half_width is None or after.half_width is None:
        return "no interval over seeds: cannot be told"
    gain = after.mean - before.mean
    if abs(gain) <= math.hypot(before.half_width, after.half_width):
        return "noise"
    return "better" if (gain < 0) == lower_is_better(metric) else "worse"


def markdown(base: Figures, new: Figures) -> str:
    """Return what changed for the better or worse first, then the noise, then what came and went."""
    found = changes(base, new)
    told = [change for change in found if change.verdict != "noise"]
    noise = [change for change in found if change.verdict == "noise"]
    shared = base.keys() & new.keys()
    parts = [
        f"{len(shared)} figures in both: {len(shared) - len(found)} are the same to the last digit, "
        f"{len(noise)} differ by noise (within the interval over seeds), {len(told)} otherwise."
    ]
    if told:
        parts.append(as_markdown(_table(told)))
    if noise:
        parts.append(f"<details><summary>Noise</summary>\n\n{as_markdown(_table(noise))}\n\n</details>")
    for words, keys in (("New", new.keys() - base.keys()), ("Gone", base.keys() - new.keys())):
        if keys:
            pairs = sorted({f"{network} on {corpus}" for corpus, network, _ in keys})
            parts.append(f"{words}: {', '.join(pairs)}.")
    return "\n\n".join(parts) + "\n"


def _table(found: list[Change]) -> Table:
    columns = ["corpus", "network", "metric", "before", "after", "change", "verdict"]
    return Table(
        columns,
        [
            [
                change.corpus,
                change.network,
                in_words(change.metric) + (" (%)" if unit(change.metric) else ""),
                written(change.metric, change.before),
                written(change.metric, change.after),
                written(change.metric, change.after - change.before, sign="+"),
                change.verdict,
            ]
            for change in found
        ],
    )
