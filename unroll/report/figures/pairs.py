"""Figures of networks held against each other: pair by pair on a corpus, by their ranks over corpora."""

from unroll.comparison.scores import in_words, lower_is_better
from unroll.report.entrants import names_of
from unroll.report.figures.chart import (
    Figure,
    Task,
    layer,
    nominal,
    number_format,
    points,
    quantity,
    shown,
    specification,
    tooltip,
)

CROWDED = 10
"""Networks from which on the cells are too small for a number."""
LINE = 20
BAR = 12


def pairs(task: Task) -> list[Figure]:
    """The difference of every pair, zero-centred: a lower triangle for each metric with tests."""
    return [_pairs(task, metric) for metric in task.tested] if len(names_of(task.task)) > 1 else []


def _pairs(task: Task, metric: str) -> Figure:
    sign = -1 if lower_is_better(metric) else 1
    names = names_of(task.task)
    others = len(names) - len(task.names)
    found = [pair for pair in task.task["pairs"] if pair["metric"] == metric]
    largest = max(abs(pair["difference"]) for pair in found) or 1
    rows = [
        {
            "a": pair["a"],
            "b": pair["b"],
            **{key: shown(metric, pair[key]) for key in ("difference", "low", "high", "detectable")},
            **{key: pair[key] for key in ("p_rows", "p", "p_holm", "effect")},
            "different": task.is_different(pair),
            "_always": [name for name in (pair["a"], pair["b"]) if name not in task.names],
            "_better": sign * pair["difference"] >= 0,
            "_strength": round(abs(pair["difference"]) / largest, 4),
        }
        for pair in found
    ]
    form, count = number_format(metric), len(names)
    told = tooltip(
        ("a", "a"),
        ("b", "b"),
        ("difference", f"a − b ({points(metric)})", "+" + form),
        ("low", f"{task.percent} interval, from", "+" + form),
        ("high", "to", "+" + form),
        ("p_holm", "p (Holm)", ".3g"),
        ("p", "p, uncorrected", ".3g"),
        ("p_rows", "p over rows alone", ".3g"),
        ("effect", "Hedges' g over seeds", ".2f"),
        ("detectable", "detectable with 80 % power", form),
    )
    axis = {"grid": False, "labelLimit": 110}
    at = {
        "x": nominal("a", sort=names[:-1], title=None, axis=axis | {"labelAngle": -45}),
        "y": nominal("b", sort=names[1:], title=None, axis=axis),
        "tooltip": told,
    }
    opacity = quantity("_strength", scale={"domain": [0, 1], "range": [0.07, 0.65]}, legend=None)
    text = {"text": quantity("difference", format="+" + form)}
    # An ensemble or a floor is no network that the page could leave out.
    chosen = " && ".join(
        f"(indexof(shown, datum.{side}) >= 0 || indexof(datum._always, datum.{side}) >= 0)" for side in "ab"
    )
    layers = [
        layer("rect", at | {"opacity": opacity}, only=["datum._better"], style="better"),
        layer("rect", at | {"opacity": opacity}, only=["!datum._better"], style="worse"),
        layer("rect", at, only=["datum.different"], style="frame", fillOpacity=0, strokeWidth=1.5),
    ]
    if count <= CROWDED:
        layers += [
            layer("text", at | text, only=["!datum.different"], fontSize=11, opacity=0.8),
            layer("text", at | text, only=["datum.different"], fontSize=12, fontWeight="bold"),
        ]
    chart = {
        "transform": [{"filter": chosen}],
        "layer": layers,
        "width": min(520, 72 * count),
        "height": {"step": 34 if count <= CROWDED else 20},
        "usermeta": {"most": 72 * count + 110, "less": 1 - others},  # a line less than names
    }
    different = sum(row["different"] for row in rows)
    explanation = (
        f"Each cell is the network of its column minus what its row names, in {points(metric)}: blue where "
        "the column's is better, orange where the row's is, stronger the larger. A frame marks a difference "
        f"that is shown at {task.percent} after Holm's correction for all {len(rows)} pairs: "
        f"{different or 'none'} here. The others have not been told apart, which does not mean that they are "
        "equal."
    )
    return task.figure(
        "pairs",
        "Which differences are shown",
        f"difference in {in_words(metric)} ({points(metric)})",
        explanation,
        chart,
        {"rows": rows},
        choice=in_words(metric),
        first=metric == task.headline,
    )


def critical_difference(over_corpora: dict, colours: dict[str, str]) -> Figure:
    """Average ranks on a line, with a bar over networks that cannot be told apart (Demšar 2006)."""
    ranks = over_corpora["average_ranks"]
    ordered = sorted(ranks, key=lambda name: (ranks[name], name))
    half, last = (len(ordered) + 1) // 2, max(len(ordered), 2)
    bars = [clique for clique in over_corpora["cliques"] if len(clique) > 1]
    top = 18 + BAR * len(bars)
    rows, lines = [], []
    for place, name in enumerate(ordered):
        left = place < half
        level = top + LINE * (place if left else len(ordered) - 1 - place)
        rank = round(ranks[name], 4)
        rows.append({"network": name, "rank": rank, "_level": level, "_left": left})
        corners = ((rank, 0), (rank, level), (1 if left else last, level))
        lines += [
            {"network": name, "step": step, "rank": rank, "level": height, "_dashed": name not in colours}
            for step, (rank, height) in enumerate(corners)
        ]
    cliques = [
        {
            "from": min(ranks[name] for name in clique) - 0.04,
            "to": max(ranks[name] for name in clique) + 0.04,
            "level": BAR * (place + 1),
            "networks": ", ".join(clique),
        }
        for place, clique in enumerate(bars)
    ]
    height = top + LINE * half
    axis = {"orient": "top", "tickMinStep": 1, "format": "d", "grid": False, "domain": True, "ticks": True}
    look = {"title": None, "scale": {"domain": [1, last], "nice": False}, "axis": axis}
    down = {"title": None, "axis": None, "scale": {"domain": [height, 0], "nice": False}}
    colour = nominal("network", scale={"domain": list(colours)}, legend=None)
    line, way = {"x": quantity("rank", **look), "y": quantity("level", **down)}, {"order": quantity("step")}
    bar = {"x": quantity("from", **look), "x2": {"field": "to"}, "y": quantity("level", **down)}
    name = {"y": quantity("_level", **down), "text": nominal("network")}
    bold = {"fontWeight": "bold", "baseline": "middle"}
    layers = [
        layer("line", line | {"color": colour} | way, data="lines", only=["!datum._dashed"], strokeWidth=1.5),
        layer("line", line | {"detail": nominal("network")} | way, data="lines", only=["datum._dashed"],
              style="guide"),
        layer(
            "rule", bar | {"tooltip": tooltip(("networks", "not told apart"))}, data="cliques", style="ink",
            strokeWidth=5, strokeCap="round",
        ),
        layer("text", name | {"x": {"value": 0}}, only=["datum._left"], align="right", dx=-6, **bold),
        layer("text", name | {"x": {"value": "width"}}, only=["!datum._left"], align="left", dx=6, **bold),
    ]  # fmt: skip
    title, axes = "Ranks over all corpora", f"average rank over {over_corpora['corpora']} corpora, 1 is best"
    text = (
        "Each network's average rank by the corpora's headlines. A bar joins networks whose ranks differ "
        f"by less than the critical difference, {over_corpora['critical_difference']:.2f}: these have not "
        f"been told apart (Friedman's test over all: p = {over_corpora['friedman_p']:.2g}; Nemenyi's for the "
        "pairs)."
    )
    if any(line["_dashed"] for line in lines):
        text += " The lines of the floor and of ensembles are dashed."
    params = [{"name": "shown", "value": ordered}, {"name": "focus", "value": ""}]
    chart = {"params": params, "layer": layers, "width": 480, "height": height, "usermeta": {"most": 760}}
    spec = specification(chart, title, axes, text, {"rows": rows, "lines": lines, "cliques": cliques})
    return Figure("corpora-ranks", "corpora-ranks", title, axes, text, spec, colours)
