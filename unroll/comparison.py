"""Every network's metrics -> one table, with its spread and what it must be held against."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from unroll.params import Strict
from unroll.scores import in_words, lower_is_better, written
from unroll.statistics import spread

Metric = Literal["accuracy", "macro_recall", "macro_f1", "loss", "ece"]
METRICS: tuple[str, ...] = get_args(Metric)
NEXT_WORD_METRICS = ("perplexity", "loss", "accuracy")
Reports = dict[str, list[dict]]
"""For each corpus, the metrics documents of its networks."""


class Published(Strict):
    """A figure from the literature, shown beside ours; `value` is a proportion, as all metrics are."""

    system: str
    metric: Metric
    value: Annotated[float, Field(ge=0, le=1)]
    source: str


def rows(reports: Reports) -> list[dict]:
    """Return comparison.csv: a row a corpus, network and metric, each corpus by its headline."""
    table = []
    for corpus, documents in reports.items():
        for document in by_headline(documents):
            for metric in _metrics(document):
                values = [scores[metric] for scores in document["seeds"].values()]
                found = spread(values)
                table.append(
                    {
                        "corpus": corpus,
                        "network": document["network"],
                        "metric": metric,
                        "seeds": len(values),
                        "mean": found.mean,
                        "std": found.std,
                        "ci_low": found.low,
                        "ci_high": found.high,
                        "parameters": document["parameters"],
                    }
                )
    return table


def by_headline(documents: list[dict]) -> list[dict]:
    """Classifiers before next-word networks, best mean headline first; the name decides between equals."""

    def rank(one: dict) -> tuple[bool, float, str]:
        mean, lower = one["mean"][one["headline"]], lower_is_better(one["headline"])
        return lower, mean if lower else -mean, one["network"]

    return sorted(documents, key=rank)


def _metrics(document: dict) -> tuple[str, ...]:
    return NEXT_WORD_METRICS if document["headline"] == "perplexity" else METRICS


def markdown(reports: Reports, titles: dict[str, str], published: dict[str, tuple[Published, ...]]) -> str:
    """Return comparison.md: for each corpus its source, our networks, and what to hold them against."""
    sections = [_section(name, titles[name], reports[name], published[name]) for name in reports]
    return "\n".join(["# Comparison\n", *sections])


def _section(name: str, title: str, documents: list[dict], published: tuple[Published, ...]) -> str:
    parts = [f"## {name}: {title}\n", _provenance(documents[0]["source"])]
    classifiers = [one for one in documents if one["headline"] != "perplexity"]
    readers = [one for one in documents if one["headline"] == "perplexity"]
    if classifiers:
        figures = [("majority class", "", classifiers[0]["majority"])]
        figures += [(one.system, one.source, {one.metric: one.value}) for one in published]
        parts.append(_table(classifiers, figures))
    if readers:
        parts.append("\nNext words: perplexity over every word but a row's first.")
        parts.append(_table(readers, [("frequency of words", "", readers[0]["unigrams"])]))
    return "\n".join(parts) + "\n"


def _table(documents: list[dict], figures: list[tuple[str, str, dict[str, float]]]) -> str:
    headline, seeds = documents[0]["headline"], len(documents[0]["seeds"])
    others = [metric for metric in _metrics(documents[0]) if metric != headline]
    columns = ["network", f"{in_words(headline)} (mean ± std)", "95 % interval", "ensemble"]
    columns += [in_words(metric) for metric in others] + ["parameters"]
    lines = [
        f"\n{documents[0]['rows']:,} test rows, seeds a network: {seeds}, sorted by {in_words(headline)}. "
        "The interval is over seeds (Student's t): it does not say how other test rows would differ.\n",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
    ]
    for document in by_headline(documents):
        found = spread([scores[headline] for scores in document["seeds"].values()])
        std = "" if found.std is None else f" ± {written(headline, found.std)}"
        ends = (
            "one seed"
            if found.low is None
            else " to ".join(written(headline, end) for end in (found.low, found.high))
        )
        cells = [document["network"], f"**{written(headline, found.mean)}**{std}", ends]
        cells += [_cell(headline, document["ensemble"][headline])]
        cells += [_cell(metric, document["mean"][metric]) for metric in others]
        lines.append("| " + " | ".join([*cells, f"{document['parameters']:,}"]) + " |")
    lines += [_reference(*figure, headline, others) for figure in figures]
    return "\n".join(lines)


def _reference(system: str, source: str, scores: dict[str, float], headline: str, others: list[str]) -> str:
    name = f"*{system}* ({source})" if source else f"*{system}*"
    cells = [name, _cell(headline, scores.get(headline)), "", ""]
    cells += [_cell(metric, scores.get(metric)) for metric in others] + [""]
    return "| " + " | ".join(cells) + " |"


def _cell(metric: str, value: float | None) -> str:
    return "" if value is None else written(metric, value)


def _provenance(source: dict) -> str:
    words = f"Data: {source['repository']}, revision {source['revision']}, from {_the(source['from'])}."
    if "fallback" in source:
        words += f" **{source['fallback']}.**"
    if source["differences"]:
        words += f" **Not the pinned data:** {'; '.join(source['differences'])}."
    return words


def _the(origin: str) -> str:
    return {
        "hub": "the Hugging Face Hub",
        "mirror": "a mirror of the Hub",
        "pypi": "PyPI",
        "file": "files of the user's own",
    }[origin]
