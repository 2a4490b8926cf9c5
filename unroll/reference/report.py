"""The reference systems: what their notebooks published, what their recipes give here, and what ours do."""

from collections.abc import Iterator
from dataclasses import dataclass

from unroll.comparison.scores import in_words, lower_is_better, written
from unroll.comparison.statistics import Spread, difference, spread
from unroll.failures import Refusal
from unroll.reference.spec import Claim, Preset, Presets


@dataclass(frozen=True)
class Result:
    """What one network came to on one corpus."""

    report: dict
    """Its metrics, as they were evaluated."""
    last_epochs: list[dict[str, str]]
    """The last row of each seed's learning curve."""


Results = dict[tuple[str, str], Result]
"""By corpus and network."""


def rows(presets: Presets, results: Results) -> list[dict]:
    """Return reference.csv: a row a preset, in the order of params.yaml; None where there is no figure.

    Raises:
        Refusal: a figure is no column of the learning curve, or recipe and ours have no metric in common.
    """
    return [_row(name, preset, results) for name, preset in presets.items()]


def _row(name: str, preset: Preset, results: Results) -> dict:
    recipe = results[preset.corpus, name]
    metric = recipe.report["headline"]
    values = _values(recipe, metric)
    scored, repeated = spread(values), _repeated(name, preset.published, recipe)
    row = {
        "preset": name,
        "corpus": preset.corpus,
        "seeds": len(values),
        "figure": preset.published.figure if preset.published else None,
        "published": preset.published.value if preset.published else None,
        "repeated_mean": repeated.mean if repeated else None,
        "repeated_std": repeated.std if repeated else None,
        "metric": metric,
        "majority": recipe.report.get("majority", {}).get(metric),
        "recipe_mean": scored.mean,
        "recipe_std": scored.std,
        "recipe_parameters": recipe.report["parameters"],
        "data_differ": "; ".join(recipe.report["source"]["differences"]) or None,
    }
    compared = ("ours_mean", "ours_std", "ours_parameters", "difference", "low", "high", "verdict")
    if preset.ours is None:
        return row | {"ours": None} | dict.fromkeys(compared)
    ours = results[preset.corpus, preset.ours]
    if ours.report["headline"] != metric:
        raise Refusal(
            f"params.yaml: reference.{name}.ours: {preset.ours} is scored by {ours.report['headline']}, "
            f"{name} by {metric}: name a network of the same task"
        )
    mine, gain = spread(_values(ours, metric)), difference(_values(ours, metric), values)
    found = (mine.mean, mine.std, ours.report["parameters"], gain.mean, gain.low, gain.high)
    return row | {"ours": preset.ours} | dict(zip(compared, (*found, _verdict(metric, gain)), strict=True))


def _values(result: Result, metric: str) -> list[float]:
    return [scores[metric] for scores in result.report["seeds"].values()]


def _repeated(name: str, claim: Claim | None, recipe: Result) -> Spread | None:
    """The published figure as the recipe gives it here, at the end of the last epoch."""
    if claim is None:
        return None
    try:
        return spread([float(epoch[claim.figure]) for epoch in recipe.last_epochs])
    except (KeyError, ValueError):
        raise Refusal(
            f"params.yaml: reference.{name}.published.figure: {name}'s learning curve has no "
            f"{claim.figure}: name one of {', '.join(recipe.last_epochs[0])}"
        ) from None


def _verdict(metric: str, gain: Spread) -> str:
    if gain.low is None or gain.high is None:
        return "one seed"
    if gain.low <= 0 <= gain.high:
        return "noise"
    return "better" if (gain.mean < 0) == lower_is_better(metric) else "worse"


HEADER = """\
# The reference systems

For each preset: the figure that its notebook published and the same figure of our run of its recipe
(last epoch); then, on the test split, the recipe beside the same network as we train it. Means ±
standard deviations over seeds, proportions in %. A difference is ours - recipe with Welch's 95 %
interval over seeds; where that covers zero the difference is called noise. It speaks of other seeds,
not of other test rows.
"""
COLUMNS = (
    "preset",
    "corpus",
    "seeds",
    "published",
    "repeated here",
    "test metric",
    "majority class",
    "recipe",
    "ours",
    "difference",
    "parameters",
)


def markdown(presets: Presets, table: list[dict]) -> str:
    """Return reference.md, the table of `rows` for people."""
    lines = [HEADER, "| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in table]
    for heading, notes in (
        ("What the notebooks reported:", list(_notes(presets))),
        ("Not the pinned data, so that these figures are for other data:", _differences(table)),
    ):
        lines += ["", f"{heading}\n", *notes] if notes else []
    return "\n".join(lines) + "\n"


def _cells(row: dict) -> Iterator[str]:
    figure, metric = row["figure"], row["metric"]
    yield from (row["preset"], row["corpus"], str(row["seeds"]))
    yield f"{in_words(figure)} {written(figure, row['published'])}" if figure else ""
    yield _mean_and_std(figure, row["repeated_mean"], row["repeated_std"]) if figure else ""
    yield in_words(metric) + (" (lower is better)" if lower_is_better(metric) else "")
    yield written(metric, row["majority"]) if row["majority"] is not None else ""
    yield _mean_and_std(metric, row["recipe_mean"], row["recipe_std"])
    if row["ours"] is None:
        yield from ("", "", f"{row['recipe_parameters']:,}")
        return
    yield f"{row['ours']}: {_mean_and_std(metric, row['ours_mean'], row['ours_std'])}"
    gain = written(metric, row["difference"], sign="+")
    if row["low"] is not None:
        gain += f" ({written(metric, row['low'], sign='+')} to {written(metric, row['high'], sign='+')})"
    yield f"{gain}: {row['verdict']}"
    yield f"{row['recipe_parameters']:,} / {row['ours_parameters']:,}"


def _mean_and_std(metric: str, mean: float, std: float | None) -> str:
    return written(metric, mean) + (f" ± {written(metric, std)}" if std is not None else "")


def _notes(presets: Presets) -> Iterator[str]:
    for name, preset in presets.items():
        if claim := preset.published:
            yield f"- {name}: {in_words(claim.figure)} {written(claim.figure, claim.value)}, {claim.said}"


def _differences(table: list[dict]) -> list[str]:
    found = {row["corpus"]: row["data_differ"] for row in table if row["data_differ"]}
    return [f"- {corpus}: {words}" for corpus, words in found.items()]
