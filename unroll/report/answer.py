"""The answer in words and figures: what a card and a table of the page say of one task."""

from collections.abc import Sequence
from dataclasses import dataclass

from unroll.comparison.scores import in_words, lower_is_better, unit, written
from unroll.report.figures.chart import Task

NAMED_AT_MOST = 4
ORDERS = ((1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million"))


@dataclass(frozen=True)
class Fact:
    question: str
    answer: str


@dataclass(frozen=True)
class Answer:
    """The best network of a task, its headline with both intervals, and four questions answered."""

    network: str
    metric: str
    value: str
    unit: str
    over_seeds: str
    over_both: str
    sure: bool
    facts: tuple[Fact, ...]


def answer(task: Task) -> Answer:
    best, metric = task.networks[0], task.headline
    score = best["scores"][metric]
    facts = [_margin(task), _yardstick(task), _cost(task), _failure(task)]
    return Answer(
        network=best["name"],
        metric=in_words(metric),
        value=written(metric, score["mean"]),
        unit=unit(metric),
        over_seeds=interval(metric, score, "low", "high"),
        over_both=interval(metric, score, "both_low", "both_high"),
        sure=not _tied(task) and len(task.networks) > 1,
        facts=tuple(fact for fact in facts if fact is not None),
    )


def interval(metric: str, score: dict, low: str, high: str) -> str:
    """Return "40.8 to 45.6", or nothing where there is no such interval."""
    if score.get(low) is None or score.get(high) is None:
        return ""
    return f"{written(metric, score[low])} to {written(metric, score[high])}"


def signed(metric: str, difference: float) -> str:
    return written(metric, difference, "+").replace("-", "−")


def compact(number: float) -> str:
    """Return "1.23 million" for 1234567."""
    for size, word in ORDERS:
        if number >= size:
            return f"{number / size:.3g} {word}"
    return f"{number:,.0f}"


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c", cut to the first few."""
    if len(names) > NAMED_AT_MOST + 1:
        return f"{', '.join(names[:NAMED_AT_MOST])} and {len(names) - NAMED_AT_MOST} others"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _pairs_of_best(task: Task) -> list[dict]:
    best = task.networks[0]["name"]
    of_best = [pair for pair in task.task["pairs"] if pair["metric"] == task.headline and pair["a"] == best]
    return [pair for pair in of_best if pair["b"] in task.names]


def _tied(task: Task) -> list[str]:
    return [pair["b"] for pair in _pairs_of_best(task) if not task.is_different(pair)]


def _margin(task: Task) -> Fact | None:
    pairs, metric = _pairs_of_best(task), task.headline
    if not pairs:
        return None
    points = "points" if unit(metric) else ""
    nearest = pairs[0]
    words = f"{signed(metric, nearest['difference'])} {points}".strip() + f" against {nearest['b']}, the next"
    if nearest["low"] is not None:
        ends = [signed(metric, nearest[end]) for end in ("low", "high")]
        words += f" ({ends[0]} to {ends[1]})"
    tied = _tied(task)
    told = [pair["b"] for pair in pairs if pair["b"] not in tied]
    words += f". Told apart from {listed(told)}" if told and tied else ""
    words += f". Not told apart from {listed(tied)}." if tied else ". Told apart from every other network."
    return Fact("By how much, how sure", words)


def _yardstick(task: Task) -> Fact | None:
    """Hold the best against ensembles, what takes no network, and the best published figure."""
    metric = task.headline
    ours = task.networks[0]["scores"][metric]["mean"]
    figures = [(one, one["scores"][metric]) for one in task.task["references"] if metric in one["scores"]]
    floors = [(one, value) for one, value in figures if not one["source"]]
    published = [(one, value) for one, value in figures if one["source"]]
    words = [
        f"the ensemble {one['name']} {written(metric, one['scores'][metric]['mean'])}"
        for one in task.ensembles
    ]
    words += [f"{one['system']} {written(metric, one['scores'][metric]['mean'])}" for one in task.floors]
    words += [f"{one['system']} {written(metric, value)}" for one, value in floors]
    if published:
        order = min if lower_is_better(metric) else max
        one, value = order(published, key=lambda figure: figure[1])
        words.append(f"best published here {written(metric, value)} ({one['system']}, {one['source']})")
    if not words:
        return None
    return Fact("To hold it against", f"{'; '.join(words)}. This network: {written(metric, ours)}.")


def _cost(task: Task) -> Fact:
    best = task.networks[0]
    words = (
        f"{best['parameters']:,} parameters; {compact(best['operations']['text'])} operations a text, "
        f"{compact(best['operations']['training'])} to train"
    )
    tied = [network for network in task.networks if network["name"] in _tied(task)]
    cheapest = min(tied, key=lambda network: network["operations"]["training"], default=None)
    if cheapest and cheapest["operations"]["training"] < best["operations"]["training"]:
        share = cheapest["operations"]["training"] / best["operations"]["training"]
        words += f". {cheapest['name']}, not told apart from it, trains with {_percent(share)} of these"
    return Fact("What it costs", words + ".")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1g} %"


def _failure(task: Task) -> Fact | None:
    """Name the class that is found least, and what it is taken for."""
    counts, labels = task.networks[0].get("confusion"), task.task["labels"]
    if not counts:
        return None
    found = {place: row[place] / sum(row) for place, row in enumerate(counts) if sum(row)}
    worst = min(found, key=found.__getitem__)
    taken = max(
        (place for place in range(len(labels)) if place != worst), key=lambda place: counts[worst][place]
    )
    share = counts[worst][taken] / sum(counts[worst])
    words = (
        f"Of the texts that are “{labels[worst]}” it finds {_percent(found[worst])}; {_percent(share)} it "
        f"takes for “{labels[taken]}”."
    )
    return Fact("Where it fails most", words)
