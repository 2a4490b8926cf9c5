"""Figures of how good, and of how sure: every seed with both intervals, and what the design could show."""

from unroll.comparison.scores import in_words, lower_is_better, written
from unroll.report.figures.chart import (
    SHOWN,
    Figure,
    Task,
    better,
    domain,
    focused,
    layer,
    nominal,
    number_format,
    points,
    quantity,
    shown,
    tooltip,
    with_unit,
)

REACH = 1.2
"""Published figures within so many widths of the networks' own range are part of the close-up."""
LABEL_LEVELS = 4
"""Heights for labels of published figures, so that neighbours' do not overlap."""


def seeds(task: Task) -> list[Figure]:
    """Each seed as a dot, both intervals, published figures as rules: of every metric with tests."""
    found = [_seeds(task, metric, _near(task, metric)) for metric in task.tested]
    everything = _references(task, task.headline)
    if len(everything) > len(_near(task, task.headline)):
        found.insert(1, _seeds(task, task.headline, everything))
    return found


def _references(task: Task, metric: str) -> list[dict]:
    known = [(one["system"], one["source"], one["scores"].get(metric)) for one in task.task["references"]]
    known += [(one["name"], "ensemble", one["scores"][metric]["mean"]) for one in task.ensembles]
    known += [(one["system"], "", one["scores"][metric]["mean"]) for one in task.floors]
    named = [
        {
            "system": system,
            "source": source,
            "value": shown(metric, value),
            "_written": written(metric, value),
        }
        for system, source, value in known
        if value is not None
    ]
    return sorted(named, key=lambda one: one["value"])


def _range(task: Task, metric: str) -> list[float]:
    ends = ("mean", "low", "high", "both_low", "both_high")
    scores = [network["scores"][metric] for network in task.networks]
    values = [score[end] for score in scores for end in ends] + [
        v for score in scores for v in score["seeds"]
    ]
    return domain([shown(metric, value) for value in values])


def _near(task: Task, metric: str) -> list[dict]:
    low, high = _range(task, metric)
    reach = REACH * (high - low)
    return [one for one in _references(task, metric) if low - reach <= one["value"] <= high + reach]


def _seeds(task: Task, metric: str, references: list[dict]) -> Figure:
    close = len(references) == len(_near(task, metric))
    limits = domain([*_range(task, metric), *(one["value"] for one in references)], 0.02)
    columns = ("mean", "std", "low", "high", "both_low", "both_high", "ensemble")
    rows = [
        {"network": network["name"]}
        | {column: shown(metric, network["scores"][metric].get(column)) for column in columns}
        | {"group": network["scores"][metric]["group"]}
        for network in task.networks
    ]
    rows.sort(key=lambda row: row["mean"] if lower_is_better(metric) else -row["mean"])
    dots = [
        {"network": network["name"], "seed": seed, "value": shown(metric, value)}
        for network in task.networks
        for seed, value in zip(task.document["seeds"], network["scores"][metric]["seeds"], strict=True)
    ]
    look = {
        "scale": {"domain": limits, "nice": False, "zero": False},
        "title": with_unit(metric),
        "axis": {"tickCount": 6},
    }
    names = {"labelFontWeight": "bold", "labelLimit": 130}
    y = nominal("network", sort=[row["network"] for row in rows], title=None, axis=names)
    form = number_format(metric)
    told = tooltip(
        ("network", "network"),
        ("mean", "mean", form),
        ("low", f"{task.percent} over seeds, from", form),
        ("high", "to", form),
        ("both_low", f"{task.percent} over seeds and rows, from", form),
        ("both_high", "to ", form),
        ("ensemble", "all seeds together", form),
        ("group", "rank group"),
    )
    own = {"y": y, "color": task.colour(), "tooltip": told}
    seed = {"x": quantity("value", **look), "y": y, "color": task.colour(), "opacity": focused(0.15, 0.95)}
    seed["tooltip"] = tooltip(("network", "network"), ("seed", "seed"), ("value", in_words(metric), form))
    band = {"x": quantity("low", **look), "x2": {"field": "high"}, "opacity": focused(0.06, 0.25)}
    line = {"x": quantity("both_low", **look), "x2": {"field": "both_high"}, "opacity": focused()}
    ends = [{"x": quantity(end, **look), "opacity": focused()} for end in ("both_low", "both_high")]
    mean = {"x": quantity("mean", **look), "opacity": focused()}
    here = [SHOWN]
    layers = [
        *_rules(metric, references, sum(limits) / 2, look),
        layer("bar", own | band, only=here, height=14, cornerRadius=3),
        layer("rule", own | line, only=here, strokeWidth=1.5),
        *(layer("tick", own | end, only=here, thickness=1.5, size=8) for end in ends),
        layer("tick", own | mean, only=here, thickness=3, size=18),
        layer("circle", seed, data="seeds", only=here, size=46, style="dot"),
    ]
    if any(row["group"] for row in rows):
        letter = {"x": {"value": "width"}, "y": y, "text": nominal("group"), "opacity": focused()}
        layers.append(layer("text", letter, only=here, align="left", dx=10, fontWeight="bold"))
    chart = {"layer": layers, "width": 520, "height": {"step": 26}}
    text = (
        f"Each dot is one trained seed, the upright stroke their mean. The band is the {task.percent} "
        "interval over seeds (Student's t), the thin line with ends that over seeds and test rows "
        "together. Networks that share a letter have not been told apart."
    )
    if references:
        text += " Dashed: figures to hold them against."
    inside = [(one["system"], one["source"]) for one in references]
    outside = [one for one in _references(task, metric) if (one["system"], one["source"]) not in inside]
    if outside:
        text += f" Outside this picture: {', '.join(_label(one) for one in outside)}."
    return task.figure(
        "seeds",
        "Every seed, with both intervals",
        f"{with_unit(metric)} on the test split, {better(metric)}",
        text,
        chart,
        {"rows": rows, "seeds": dots, "references": references},
        choice=in_words(metric) + ("" if close else " with all published figures"),
        first=close and metric == task.headline,
    )


def _label(reference: dict) -> str:
    return f"{reference['system']} {reference['_written']}"


def _rules(metric: str, references: list[dict], middle: float, look: dict) -> list[dict]:
    """Return a dashed rule each, its label above the plot and towards the middle."""
    for place, one in enumerate(references):
        one |= {"_label": _label(one), "_level": place % LABEL_LEVELS, "_right": one["value"] > middle}
    x = quantity("value", **look)
    layers = [
        layer(
            "rule",
            {
                "x": x,
                "tooltip": tooltip(
                    ("system", "system"), ("source", "source"), ("_written", in_words(metric))
                ),
            },
            data="references",
            style="guide",
        )
    ]
    for level in range(min(LABEL_LEVELS, len(references))):
        for right in (True, False):
            encoding = {"x": x, "y": {"value": -8 - 15 * level}, "text": nominal("_label")}
            only = [f"datum._level == {level} && datum._right == {str(right).lower()}"]
            align, dx = ("right", 2) if right else ("left", -2)
            layers.append(
                layer(
                    "text",
                    encoding,
                    data="references",
                    only=only,
                    style="note",
                    align=align,
                    dx=dx,
                    limit=200,
                )
            )
    return layers if references else []


def power(task: Task) -> list[Figure]:
    """The smallest true difference that this test set would show, by the number of seeds."""
    metric = task.headline
    found = task.task["power"].get(metric)
    if not found or not found["with_seeds"]:  # one seed does not know what others would do
        return []
    rows = sorted(
        (
            {"seeds": int(count), "detectable": shown(metric, value)}
            for count, value in found["with_seeds"].items()
            if value is not None
        ),
        key=lambda row: row["seeds"],
    )
    means = [network["scores"][metric]["mean"] for network in task.networks]
    gaps = [
        {"difference": shown(metric, gap), "_label": f"best minus second: {written(metric, gap)}"}
        for gap in (abs(means[0] - mean) for mean in means[1:2])
    ]
    limit = 1.15 * max([row["detectable"] for row in rows] + [gap["difference"] for gap in gaps])
    look = {"title": f"difference ({points(metric)})", "scale": {"domain": [0, limit], "nice": False}}
    counts = [row["seeds"] for row in rows]
    x = quantity(
        "seeds",
        title="seeds a network",
        scale={"domain": [0, counts[-1] + 1], "nice": False},
        axis={"values": counts, "format": "d", "grid": False},
    )
    form = number_format(metric)
    at = {"x": x, "y": quantity("detectable", **look)}
    told = tooltip(("seeds", "seeds"), ("detectable", f"detectable ({points(metric)})", ".3~f"))
    gap = {"y": quantity("difference", **look)}
    layers = [
        layer("rule", gap, data="gap", style="guide"),
        layer(
            "text", gap | {"x": {"value": "width"}, "text": nominal("_label")}, data="gap", style="note",
            align="right", dy=-7,
        ),
        layer("line", at, style="ink", strokeWidth=2),
        layer("circle", at | {"tooltip": told}, style="ink", size=60, opacity=1),
        layer("text", at | {"text": quantity("detectable", format=form)}, dy=-12),
    ]  # fmt: skip
    count = len(task.document["seeds"])
    text = (
        "How large a true difference between two networks must be for this design to show it in four of five "
        f"repetitions: with {count} {'seed' if count == 1 else 'seeds'} and {task.document['rows']:,} test "
        f"rows {written(metric, found['detectable'])} {points(metric)} (median over pairs). More seeds "
        "help only until the test rows are what limits."
    )
    if gaps:
        text += " Dashed: what was observed between the best and the second best."
    return [
        task.figure(
            "power",
            "What this design could have shown",
            f"smallest difference in {in_words(metric)} found with 80 % power ({points(metric)}), by seeds",
            text,
            {"layer": layers, "width": 420, "height": 200, "usermeta": {"most": 560}},
            {"rows": rows, "gap": gaps},
        )
    ]
