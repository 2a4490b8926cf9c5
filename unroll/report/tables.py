"""The comparison's documents -> rows for CSV, tables for people, and the Markdown page of them all."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from unroll.comparison.scores import in_words, unit, written
from unroll.comparison.verdict import told_apart
from unroll.report.entrants import about_ensembles, entered, names_of, shares

ROW_COLUMNS = (
    "corpus",
    "network",
    "metric",
    "seeds",
    "mean",
    "std",
    "ci_low",
    "ci_high",
    "both_low",
    "both_high",
    "group",
    "parameters",
    "kind",
)
PAIR_COLUMNS = (
    "corpus",
    "metric",
    "a",
    "b",
    "difference",
    "ci_low",
    "ci_high",
    "p_rows",
    "p",
    "p_holm",
    "effect",
    "detectable",
)
BEST_GROUP = "a"
ORIGINS = {
    "hub": "the Hugging Face Hub",
    "mirror": "a mirror of the Hub",
    "pypi": "PyPI",
    "file": "files of the user's own",
}


@dataclass(frozen=True)
class Table:
    """Cells in words, before any mark-up; the first column names the row."""

    columns: list[str]
    rows: list[list[str]]
    strong: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    """The cells, by row and column, that stand out."""
    ours: int | None = None
    """So many rows are ours; below them stands what they are held against."""


def rows(documents: list[dict]) -> list[dict]:
    """Return comparison.csv: a row a corpus, network and metric; then ensembles and the floor."""
    return [
        {
            "corpus": document["corpus"],
            "network": network["name"],
            "metric": metric,
            "seeds": len(scores["seeds"]),
            "mean": scores["mean"],
            "std": scores["std"],
            "ci_low": scores["low"],
            "ci_high": scores["high"],
            "both_low": scores["both_low"],
            "both_high": scores["both_high"],
            "group": scores["group"],
            "parameters": network["parameters"],
            "kind": kind,
        }
        for document in documents
        for task in document["tasks"]
        for kind in ("network", "ensemble", "floor")
        for these in [task[f"{kind}s"]]
        for network in these
        for metric in task["metrics"]
        for scores in [network["scores"][metric]]
    ]


def pair_rows(documents: list[dict]) -> list[dict]:
    """Return pairs.csv: a row a corpus, metric and pair of networks; none where a corpus has one network."""
    names = {"ci_low": "low", "ci_high": "high"}
    return [
        {"corpus": document["corpus"]} | {name: pair[names.get(name, name)] for name in PAIR_COLUMNS[1:]}
        for document in documents
        for task in document["tasks"]
        for pair in task["pairs"]
    ]


def network_table(document: dict, task: dict) -> Table:
    """Return every network's scores and, below them, what they must be held against."""
    headline = task["headline"]
    others = [metric for metric in task["metrics"] if metric != headline]
    seeds_interval, both_interval = _intervals(document)
    columns = ["network", f"{in_words(headline)} (mean ± std)", seeds_interval, both_interval]
    columns += ["group", "ensemble", *map(in_words, others), "parameters"]
    body, strong = [], set()
    for number, network in enumerate(entered(task)):
        scores = network["scores"][headline]
        if BEST_GROUP in scores["group"]:
            strong.add((number, 1))
        cells = [_named(network), _mean_and_std(headline, scores)]
        cells += [
            _interval(headline, scores["low"], scores["high"]) or ("one seed" if scores["seeds"] else "")
        ]
        cells += [_interval(headline, scores["both_low"], scores["both_high"]), scores["group"]]
        cells += [_written(headline, scores["ensemble"])]
        cells += [_written(metric, network["scores"][metric]["mean"]) for metric in others]
        body.append([*cells, f"{network['parameters']:,}"])
    for reference in task["references"]:
        scores = reference["scores"]
        name = reference["system"] + (f" ({reference['source']})" if reference["source"] else "")
        body.append(
            [name, _written(headline, scores.get(headline)), "", "", "", ""]
            + [_written(metric, scores.get(metric)) for metric in others]
            + [""]
        )
    return Table(columns, body, frozenset(strong), len(task["networks"]) + len(task["ensembles"]))


def pair_table(document: dict, task: dict) -> Table | None:
    """Return the headline's differences, row - column, with Holm-corrected p; those told apart stand out."""
    headline = task["headline"]
    pairs = {(pair["a"], pair["b"]): pair for pair in task["pairs"] if pair["metric"] == headline}
    if not pairs:
        return None
    names = names_of(task)
    body, strong = [], set()
    for number, one in enumerate(names[:-1]):
        body.append([one, *[""] * (len(names) - 1)])
        for column, other in enumerate(names[number + 1 :], start=number + 1):
            pair = pairs[one, other]
            gain = written(headline, pair["difference"], sign="+")
            body[-1][column] = f"{gain} ({p_value(pair['p_holm'])})"
            if told_apart(pair, document["level"]):
                strong.add((number, column))
    return Table(["row - column (p)", *names[1:]], body, frozenset(strong))


def rank_table(over_corpora: dict) -> Table | None:
    """Return the networks' average ranks over corpora, the best first; None where too few were compared."""
    if not over_corpora["enough"]:
        return None
    ranks = sorted(over_corpora["average_ranks"].items(), key=lambda item: (item[1], item[0]))
    return Table(["network", "average rank"], [[name, f"{rank:.2f}"] for name, rank in ranks])


def markdown(documents: list[dict], over_corpora: dict) -> str:
    """Return comparison.md: for each corpus its source, the answer, our networks and their differences."""
    sections = [_section(document) for document in documents]
    return "\n\n".join(["# Comparison", *sections, _over_corpora(over_corpora)]) + "\n"


def p_value(p: float | None) -> str:
    """Return p for people; none is ever written as zero."""
    if p is None:
        return "not tested"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def as_csv(rows: list[dict], columns: tuple[str, ...] = ()) -> str:
    """Return a line a row under `columns`, or else the first row's keys; None is an empty cell."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _section(document: dict) -> str:
    parts = [f"## {document['corpus']}: {document['title']}", _provenance(document["source"])]
    parts += ["\n".join(f"- **Warning:** {warning}" for warning in document["warnings"])]
    for task in document["tasks"]:
        parts += list(_task(document, task))
    return "\n\n".join(part for part in parts if part)


def _task(document: dict, task: dict) -> Iterator[str]:
    if task["task"] == "next_word":
        yield "### Next words\n\nPerplexity over every word but a row's first."
    yield task["verdict"]
    yield (
        f"{document['rows']:,} test rows, seeds a network: {len(document['seeds'])}, sorted by "
        f"{_with_unit(task['headline'])}. The first interval speaks of other seeds on these rows "
        "(Student's t), the second of other seeds and other rows. Networks that share a letter have not "
        "been told apart."
    )
    yield about_ensembles(task)
    yield as_markdown(network_table(document, task))
    if pairs := pair_table(document, task):
        yield (
            f"Differences in {_with_unit(task['headline'], 'points')}, with p corrected over all pairs "
            f"(Holm); bold where p is below {1 - document['level']:g}:"
        )
        yield as_markdown(pairs)
    yield _power(document, task)


def _power(document: dict, task: dict) -> str:
    """The smallest true difference that this design finds, and what more seeds would find."""
    headline = task["headline"]
    power = task["power"].get(headline)
    if power is None or power["detectable"] is None:
        return ""
    points = " points" if unit(headline) else ""
    words = (
        f"Power: the smallest true difference in {in_words(headline)} that this design shows four times of "
        f"five is {written(headline, power['detectable'])}{points} (the median pair)"
    )
    # JSON has only strings as keys.
    more = [
        f"{written(headline, found)} with {seeds}"
        for seeds, found in sorted(power["with_seeds"].items(), key=lambda item: int(item[0]))
        if int(seeds) > len(document["seeds"]) and found is not None
    ]
    return f"{words}; it would be {', '.join(more)} seeds a network." if more else f"{words}."


def _over_corpora(over_corpora: dict) -> str:
    parts = ["## Over all corpora", over_corpora["why"]]
    if table := rank_table(over_corpora):
        parts.append(as_markdown(table))
        parts.append(
            f"Friedman's test: p {p_value(over_corpora['friedman_p'])}. Two networks whose average ranks "
            f"differ by less than {over_corpora['critical_difference']:.2f} have not been told apart "
            "(Nemenyi)."
        )
        parts.append(
            "\n".join(f"- not told apart: {', '.join(clique)}" for clique in over_corpora["cliques"])
        )
    return "\n\n".join(part for part in parts if part)


def _provenance(source: dict) -> str:
    words = f"Data: {source['repository']}, revision {source['revision']}, from {ORIGINS[source['from']]}."
    if source["licence"]:
        words += f" Licence: {source['licence']}."
    return f"{words} {source['citation']}." if source["citation"] else words


def as_markdown(table: Table) -> str:
    lines = ["| " + " | ".join(map(_escaped, table.columns)) + " |", "|" + "---|" * len(table.columns)]
    for number, row in enumerate(table.rows):
        cells = [
            f"**{_escaped(cell)}**" if (number, column) in table.strong else _escaped(cell)
            for column, cell in enumerate(row)
        ]
        if table.ours is not None and number >= table.ours:
            cells[0] = f"*{cells[0]}*"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _named(one: dict) -> str:
    """Return a network's name, or an ensemble's or a floor's with what it is."""
    if "networks" in one:
        return f"{one['name']} (ensemble: {shares(one)})"
    return f"{one['name']} ({one['system']})" if "system" in one else one["name"]


def _intervals(document: dict) -> tuple[str, str]:
    level = f"{100 * document['level']:g} %"
    return f"{level} over seeds", f"{level} over seeds and rows"


def _mean_and_std(metric: str, scores: dict) -> str:
    std = "" if scores["std"] is None else f" ± {written(metric, scores['std'])}"
    return written(metric, scores["mean"]) + std


def _interval(metric: str, low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{written(metric, low)} to {written(metric, high)}"


def _written(metric: str, value: float | None) -> str:
    return "" if value is None else written(metric, value)


def _with_unit(metric: str, percent: str = "%") -> str:
    return f"{in_words(metric)} ({percent})" if unit(metric) else in_words(metric)
