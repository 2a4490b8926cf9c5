"""A corpus' ladder as a page: its table, and in words what each ingredient was worth and what remains."""

from collections.abc import Iterator

from unroll.comparison.scores import in_words, lower_is_better, unit, written
from unroll.comparison.spec import Published
from unroll.comparison.verdict import told_apart
from unroll.ladder.spec import KINDS
from unroll.ladder.steps import NOISE, WORSE, WORTH_IT, Climb, best_on_validation, pairs_with, rows
from unroll.report.entrants import shares
from unroll.report.tables import Table, as_markdown, p_value

HOW_TO_READ = """\
## How to read it

Each rung is a network or an ensemble of params.yaml (`ladder:`) and adds one thing to the rung that it
stands on. Figures are of the test split: means ± standard deviations over seeds, proportions in %;
intervals take in other seeds and other test rows. A step's p is the comparison's before its correction,
the less sure of two tests: one of the test rows (exact for accuracy, by approximate randomisation for
other metrics) and one of seeds and rows together. It is corrected by Holm over the steps of one
corpus' ladder, since these are the tests that are made here; pairs.csv corrects over all pairs of
networks. A step's interval is not corrected, so that it may leave out zero where p calls the step noise.
Noise means that no step was shown, not that there is none; beside it stands how large a step would be
seen four times of five, before correction. Whether a rung differs from the floor, which needs no network,
is the comparison's test, corrected over all of its pairs. The best network and the best ensemble are
those that are best on validation. Ensembles of one network's seeds (the column) and published systems are
one figure each, without a spread: distances to them are not tested."""
OF_ENSEMBLES = """\
An ensemble that is a rung is one figure too: its networks' means over all seeds, weighed to fit validation.
Its step is the distance of that figure to the mean over seeds of the rung below. Its intervals and its p are
of other test rows alone: they say whether these trained networks differ so on other texts, not whether
others, from other seeds, would. A network's step from an ensemble takes in the network's other seeds, and
takes the ensemble as it is."""
MARK = "†"
FITTED = "its weights were fitted to the same validation rows, which may flatter it there"
REMAINS = "What remains to the transformers"


def markdown(climb: Climb) -> str:
    """Return the page of one corpus."""
    return "\n\n".join(part for part in _parts(climb) if part) + "\n"


def _parts(climb: Climb) -> Iterator[str]:
    document, table = climb.document, rows(climb)
    yield f"# The ladder on {climb.corpus}: {document['title']}"
    yield "\n".join(f"- **Warning:** {warning}" for warning in document["warnings"])
    count = len(document["seeds"])
    yield (
        f"{document['rows']:,} test rows, seeds a network: {count}; a step counts where p is below "
        f"{1 - document['level']:g}." + (" One seed says nothing of others." if count == 1 else "")
    )
    yield as_markdown(_table(climb, table))
    yield "\n".join(_notes(table))
    yield "\n".join(f"- {sentence}" for sentence in _sentences(climb, table))
    yield HOW_TO_READ
    if any(rung.ensemble for rung in climb.ladder.rungs):
        yield OF_ENSEMBLES


def _table(climb: Climb, table: list[dict]) -> Table:
    metric, level = climb.headline, f"{100 * climb.document['level']:g} %"
    way = " (lower is better)" if lower_is_better(metric) else ""
    columns = ["rung", "adds", f"{in_words(metric)}{way}", level, "over", f"step ({level})", "p (Holm)"]
    columns += ["outcome", "ensemble of seeds", "parameters"]
    body = []
    for row in table:
        cells = [_name(row), _adds(climb, row), written(metric, row["mean"])]
        cells[-1] += "" if row["std"] is None else f" ± {written(metric, row['std'])}"
        cells += [f"{written(metric, row['low'])} to {written(metric, row['high'])}"]
        if row["outcome"] is None:
            cells += [""] * 4
        else:
            cells += [row["over"], f"{_signed(metric, row['difference'])} ({_ends(row)})"]
            cells += [p_value(row["p_holm"]), row["outcome"]]
        ensemble = "" if row["ensemble"] is None else written(metric, row["ensemble"])
        body.append([*cells, ensemble, f"{row['parameters']:,}"])
    told = [place for place, row in enumerate(table) if row["outcome"] in (WORTH_IT, WORSE)]
    for floor in climb.task["floors"]:
        scores, counted = floor["scores"][metric], f"{floor['parameters']:,}"
        ends = f"{written(metric, scores['both_low'])} to {written(metric, scores['both_high'])}"
        body.append([floor["system"], "", written(metric, scores["mean"]), ends, *[""] * 5, counted])
    majority = climb.task["references"][0]
    if metric in majority["scores"]:
        body.append([majority["system"], "", written(metric, majority["scores"][metric]), *[""] * 7])
    for one in climb.held_against:
        body.append([f"{one.system} ({one.source})", one.kind or "", written(metric, one.value), *[""] * 7])
    return Table(columns, body, frozenset((place, columns.index("outcome")) for place in told), len(table))


def _name(row: dict) -> str:
    return f"{row['rung']} {MARK}" if row["notes"] else row["rung"]


def _adds(climb: Climb, row: dict) -> str:
    """Return what a rung adds; of an ensemble its networks too, with what each counts."""
    ensemble = climb.ensembles.get(row["rung"])
    return row["adds"] if ensemble is None else f"{row['adds']} (ensemble: {shares(ensemble)})"


def _notes(table: list[dict]) -> Iterator[str]:
    for notes in dict.fromkeys(row["notes"] for row in table if row["notes"]):
        yield f"{MARK} {', '.join(row['rung'] for row in table if row['notes'] == notes)}: {notes}."


def _sentences(climb: Climb, table: list[dict]) -> Iterator[str]:
    steps: dict[str, list[dict]] = {WORTH_IT: [], NOISE: [], WORSE: []}
    for row in table[1:]:
        steps[row["outcome"]].append(row)
    yield _listed("Worth it", list(map(_step, steps[WORTH_IT])) or ["no step"])
    if steps[NOISE]:
        yield _listed("Noise", list(map(_step, steps[NOISE])))
    if steps[WORSE]:
        yield _listed("Made it worse", list(map(_step, steps[WORSE])))
    if beneath := [row for row in table[1:] if _is_worse(row, table[0])]:
        metric = table[0]["metric"]
        names = [f"{row['rung']} ({written(metric, row['mean'])})" for row in beneath]
        lowest = f"{table[0]['rung']} ({written(metric, table[0]['mean'])})"
        yield _listed(f"Less than the lowest rung, {lowest}", names)
    for floor in climb.task["floors"]:
        yield from _of_floor(climb, table, floor)
    yield from _of_ensembles(table)
    yield from _of_published(climb, table)


def _listed(what: str, items: list[str]) -> str:
    return f"**{what}**: {'; '.join(items)}."


def _step(row: dict) -> str:
    p = p_value(row["p_holm"])
    p = f"p {p}" if p.startswith("<") else f"p = {p}"
    gain = f"{_signed(row['metric'], row['difference'])}{_points(row['metric'])}"
    words = f"{_name(row)} over {row['over']} ({row['adds']}) {gain} ({_ends(row)}, {p}"
    if row["outcome"] == NOISE:  # what could be and still be missed: without it, "noise" would say too much
        smallest = f"{written(row['metric'], row['detectable'])}{_points(row['metric'])}"
        words += f"; {smallest} would be seen four times of five"
    return f"{words})"


def _is_worse(row: dict, other: dict) -> bool:
    return row["mean"] != other["mean"] and (row["mean"] > other["mean"]) == lower_is_better(row["metric"])


def _of_floor(climb: Climb, table: list[dict], floor: dict) -> Iterator[str]:
    """Say which rungs are below what needs no network, and which are above it by no more than noise."""
    metric, pairs = climb.headline, pairs_with(climb, floor["name"])
    score = {"mean": floor["scores"][metric]["mean"]}
    sides: dict[str, list[str]] = {"Below": [], "Not below": []}
    for row in table:
        noise = "" if told_apart(pairs[row["rung"]], climb.document["level"]) else ", within the noise"
        side = sides["Below" if _is_worse(row, score) else "Not below"]
        side.append(f"{_name(row)} {written(metric, row['mean'])}{noise}")
    for side, held in sides.items():
        if held:
            yield _listed(f"{side} {floor['system']} ({written(metric, score['mean'])})", held)


def _of_ensembles(table: list[dict]) -> Iterator[str]:
    metric = table[0]["metric"]
    gains = {_name(row): row["ensemble"] - row["mean"] for row in table if row["ensemble"] is not None}
    if gains:
        each = ", ".join(f"{_signed(metric, gain)} to {name}" for name, gain in gains.items())
        points = f" ({_points(metric).strip()})" if _points(metric) else ""
        yield f"**An ensemble of the seeds** adds to their mean{points}: {each}."


def _of_published(climb: Climb, table: list[dict]) -> Iterator[str]:
    """Hold the best network and ensemble against each published system; those without a note too."""
    chosen = {}
    for kind in KINDS:
        these = [row for row in table if row["kind"] == kind]
        if not these:
            continue
        best = best_on_validation(these)
        chosen[f"Best {kind} on validation"] = best
        if best["notes"] and (plain := [row for row in these if not row["notes"]]):
            chosen[f"Best {kind} on validation without {MARK}"] = best_on_validation(plain)
    transformers = [one for one in climb.held_against if one.kind == "transformer"]
    others = [one for one in climb.held_against if one.kind is None]
    for which, row in chosen.items():
        words = [f"{_name(row)} has {_figures(row)}", *_whole_climb(row, table[0])]
        words += [_distance(row, one) for one in others]
        weighed = row["kind"] == "ensemble" and len(climb.ensembles[row["rung"]]["networks"]) > 1
        yield _listed(which, words + ([FITTED] if weighed else []))
    if not transformers:
        yield f"**{REMAINS}** is not known: none is on record for this corpus."
        return
    for row in chosen.values():
        words = "; ".join(_distance(row, one) for one in transformers)
        yield f"**{REMAINS}**: {_name(row)} is {words}."


def _whole_climb(row: dict, lowest: dict) -> Iterator[str]:
    """Steps that are noise one by one may still have led somewhere."""
    if row is not lowest:
        gain = f"{_signed(row['metric'], row['mean'] - lowest['mean'])}{_points(row['metric'])}"
        yield f"{gain} to the lowest rung, {_name(lowest)}, which is not tested"


def _figures(row: dict) -> str:
    mean = written(row["metric"], row["mean"])
    if row["ensemble"] is None:
        return mean
    return f"{mean} and its ensemble {written(row['metric'], row['ensemble'])}"


def _distance(row: dict, system: Published) -> str:
    """Return how far a rung is from a published system, all of whose metrics are the better the higher."""
    far = _above_or_below(row["metric"], row["mean"] - system.value)
    words = f"{far} {system.system} ({system.source}: {written(row['metric'], system.value)})"
    if row["ensemble"] is None:
        return words
    return f"{words}, the ensemble {_above_or_below(row['metric'], row['ensemble'] - system.value)} it"


def _above_or_below(metric: str, distance: float) -> str:
    side = "above" if distance > 0 else "below"
    return f"{written(metric, abs(distance))}{_points(metric)} {side}"


def _signed(metric: str, value: float) -> str:
    return written(metric, value, sign="+")


def _ends(row: dict) -> str:
    ends = row["difference_low"], row["difference_high"]
    return " to ".join(_signed(row["metric"], end) for end in ends)


def _points(metric: str) -> str:
    return " points" if unit(metric) else ""
