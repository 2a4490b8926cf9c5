"""Figures of how good, and of how sure: seeds and intervals, pairs, power."""

import altair as alt

from unroll.figures_chart import ROWS, SHOWN, Figure, Task, better, domain, focused, shown, with_unit
from unroll.scores import in_words, lower_is_better, unit, written

REACH = 1.2
"""Published figures within this many widths of the networks' own range are drawn in the close-up."""


def seeds(task: Task) -> list[Figure]:
    """Each seed as a dot, both intervals, published figures as rules: of every metric with tests."""
    found = [_seeds(task, metric, close=True) for metric in task.tested]
    if _outside(task, task.headline):
        found.insert(1, _seeds(task, task.headline, close=False))
    return found


def _range(task: Task, metric: str) -> list[float]:
    keys = ("low", "high", "both_low", "both_high", "mean")
    scores = [network["scores"][metric] for network in task.networks]
    values = [score[key] for score in scores for key in keys] + [
        v for score in scores for v in score["seeds"]
    ]
    return domain([shown(metric, value) for value in values])


def _references(task: Task, metric: str) -> list[dict]:
    named = [
        {"system": _system(one), "value": shown(metric, one["scores"].get(metric))}
        for one in task.task["references"]
    ]
    return sorted((one for one in named if one["value"] is not None), key=lambda one: one["value"])


def _system(reference: dict) -> str:
    return f"{reference['system']} ({reference['source']})" if reference["source"] else reference["system"]


def _outside(task: Task, metric: str) -> list[dict]:
    low, high = _range(task, metric)
    reach = REACH * (high - low)
    return [one for one in _references(task, metric) if not low - reach <= one["value"] <= high + reach]


def _seeds(task: Task, metric: str, close: bool) -> Figure:
    outside = _outside(task, metric) if close else []
    references = [one for one in _references(task, metric) if one not in outside]
    limits = domain([*_range(task, metric), *(one["value"] for one in references)], 0.02)
    middle = sum(limits) / 2
    for place, one in enumerate(references):
        right = one["value"] > middle
        # Three heights, so that labels of neighbours do not overlap, each towards the middle.
        one |= {
            "level": -8 - 15 * (place % 3),
            "label": f"{one['system']} {one['value']:.1f}",
            "right": right,
        }
    keys = ("mean", "std", "low", "high", "both_low", "both_high", "ensemble")
    rows = [
        {"network": network["name"]}
        | {key: shown(metric, network["scores"][metric].get(key)) for key in keys}
        | {"group": network["scores"][metric]["group"]}
        for network in task.networks
    ]
    dots = [
        {"network": network["name"], "seed": seed, "value": shown(metric, value)}
        for network in task.networks
        for seed, value in zip(task.document["seeds"], network["scores"][metric]["seeds"], strict=False)
    ]
    order = sorted(rows, key=lambda row: row["mean"] if lower_is_better(metric) else -row["mean"])
    place = alt.Y("network:N", sort=[row["network"] for row in order], title=None, axis=_names())
    look = {"scale": alt.Scale(domain=limits, nice=False, zero=False), "title": with_unit(metric)}
    base = alt.Chart(ROWS).transform_filter(SHOWN).encode(y=place, color=task.colour())
    tooltip = [
        alt.Tooltip("network:N"),
        *(alt.Tooltip(f"{key}:Q", title=title, format=_format(metric)) for key, title in _spoken(task)),
        alt.Tooltip("group:N", title="rank group"),
    ]
    seed = alt.Chart(alt.NamedData(name="seeds")).transform_filter(SHOWN)
    layers = [
        base.mark_bar(height=14, cornerRadius=3).encode(
            x=alt.X("low:Q", **look),
            x2="high:Q",
            opacity=focused(0.06, 0.25),
            tooltip=tooltip,
        ),
        base.mark_rule(strokeWidth=1.5).encode(
            x=alt.X("both_low:Q", **look), x2="both_high:Q", opacity=focused()
        ),
        base.mark_tick(thickness=1.5, size=8).encode(x=alt.X("both_low:Q", **look), opacity=focused()),
        base.mark_tick(thickness=1.5, size=8).encode(x=alt.X("both_high:Q", **look), opacity=focused()),
        base.mark_tick(thickness=3, size=18).encode(
            x=alt.X("mean:Q", **look), opacity=focused(), tooltip=tooltip
        ),
        seed.mark_circle(size=46, style="dot").encode(
            x=alt.X("value:Q", **look),
            y=place,
            color=task.colour(),
            opacity=focused(0.15, 0.95),
            tooltip=[
                "network:N",
                "seed:N",
                alt.Tooltip("value:Q", title=in_words(metric), format=_format(metric)),
            ],
        ),
    ]
    if any(row["group"] for row in rows):
        letters = (
            alt.Chart(ROWS)
            .transform_filter(SHOWN)
            .mark_text(align="left", dx=10, fontWeight="bold")
            .encode(x=alt.value("width"), y=place, text="group:N", opacity=focused())
        )
        layers.append(letters)
    if references:
        layers += _rules(references, look)
    chart = alt.layer(*layers, data=ROWS).properties(height=alt.Step(26), width=560)
    text = (
        f"Each dot is one trained seed, the upright stroke their mean. The band is the {task.percent} interval over "
        "seeds (Student's t), the thin line with ends that over seeds and test rows together. Networks that share "
        "a letter have not been told apart."
    )
    if references:
        text += " Dashed: figures to hold them against."
    if outside:
        text += " Outside this picture: " + ", ".join(
            f"{one['system']} {written(metric, one['value'] / (100 if unit(metric) else 1))}"
            for one in outside
        )
        text += "."
    choice = in_words(metric) + ("" if close else " with all published figures")
    first = close and metric == task.headline
    data = {"rows": rows, "seeds": dots, "references": references}
    title = "Every seed, with both intervals"
    axes = f"{with_unit(metric)} on the test split, {better(metric)}"
    return task.figure("seeds", title, axes, text, chart, data, choice=choice, first=first)


def _names(**more) -> alt.Axis:
    return alt.Axis(labelFontWeight="bold", labelLimit=130, **more)


def _format(metric: str) -> str:
    return ".1f" if unit(metric) else ".3f"


def _spoken(task: Task) -> list[tuple[str, str]]:
    return [
        ("mean", "mean"),
        ("low", f"{task.percent} over seeds, from"),
        ("high", "to"),
        ("both_low", f"{task.percent} over seeds and rows, from"),
        ("both_high", "to "),
        ("ensemble", "ensemble of all seeds"),
    ]


def _rules(references: list[dict], look: dict) -> list[alt.Chart]:
    base = alt.Chart(alt.NamedData(name="references"))
    layers = [base.mark_rule(style="guide").encode(x=alt.X("value:Q", **look), tooltip="label:N")]
    for one in references:
        label = base.transform_filter(alt.datum.level == one["level"]).transform_filter(
            alt.datum.system == one["system"]
        )
        align = "right" if one["right"] else "left"
        layers.append(
            label.mark_text(style="note", align=align, dx=-4 if one["right"] else 4).encode(
                x=alt.X("value:Q", **look), y=alt.value(one["level"]), text="label:N"
            )
        )
    return layers


def pairs(task: Task) -> list[Figure]:
    """The difference of every pair, zero-centred: a lower triangle of each metric with tests."""
    if len(task.networks) < 2:
        return []
    return [_pairs(task, metric) for metric in task.tested]


def _pairs(task: Task, metric: str) -> Figure:
    sign = -1 if lower_is_better(metric) else 1
    factor = 100 if unit(metric) else 1
    found = [pair for pair in task.task["pairs"] if pair["metric"] == metric]
    largest = max((abs(pair["difference"]) for pair in found), default=0) or 1
    points = "points" if unit(metric) else "nats" if metric == "loss" else in_words(metric)
    rows = [
        {
            "column": pair["a"],
            "row": pair["b"],
            "difference": round(pair["difference"] * factor, 4),
            "low": shown(metric, pair["low"]),
            "high": shown(metric, pair["high"]),
            "p_rows": pair["p_rows"],
            "p": pair["p"],
            "p_holm": pair["p_holm"],
            "effect": pair["effect"],
            "detectable": shown(metric, pair["detectable"]),
            "different": bool(pair["p_holm"] is not None and pair["p_holm"] < 1 - task.document["level"]),
            "column_better": sign * pair["difference"] >= 0,
            "strength": round(abs(pair["difference"]) / largest, 4),
        }
        for pair in found
    ]
    chosen = "indexof(shown, datum.row) >= 0 && indexof(shown, datum.column) >= 0"
    axis = alt.Axis(labelAngle=-45 if len(task.names) > 4 else 0, labelLimit=110, grid=False)
    base = (
        alt.Chart(ROWS)
        .transform_filter(chosen)
        .encode(
            x=alt.X("column:N", sort=task.names, title=None, axis=axis),
            y=alt.Y("row:N", sort=task.names, title=None, axis=alt.Axis(labelLimit=110, grid=False)),
            tooltip=[
                alt.Tooltip("column:N", title="a"),
                alt.Tooltip("row:N", title="b"),
                alt.Tooltip("difference:Q", title=f"a − b ({points})", format="+" + _finer(metric)),
                alt.Tooltip("low:Q", title=f"{task.percent} interval, from", format="+" + _finer(metric)),
                alt.Tooltip("high:Q", title="to", format="+" + _finer(metric)),
                alt.Tooltip("p_holm:Q", title="p (Holm)", format=".3g"),
                alt.Tooltip("p:Q", title="p, uncorrected", format=".3g"),
                alt.Tooltip("p_rows:Q", title="p over rows alone", format=".3g"),
                alt.Tooltip("effect:Q", title="Hedges' g", format=".2f"),
                alt.Tooltip("detectable:Q", title="detectable (80 % power)", format=_finer(metric)),
            ],
        )
    )
    strength = alt.Opacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 0.7]), legend=None)
    label = base.mark_text(fontSize=11)
    crowded = len(task.names) > 10
    told = {True: "different", False: "not told apart"}
    for row in rows:
        row["shown_as"] = told[row["different"]]
    layers = [
        base.transform_filter("datum.column_better").mark_rect(style="better").encode(opacity=strength),
        base.transform_filter("!datum.column_better").mark_rect(style="worse").encode(opacity=strength),
        base.transform_filter("datum.different").mark_rect(style="frame", strokeWidth=1.5, fillOpacity=0),
    ]
    if not crowded:
        text = alt.Text("difference:Q", format="+" + _finer(metric))
        layers += [
            label.transform_filter("!datum.different").encode(text=text, opacity=alt.value(0.75)),
            base.mark_text(fontSize=12, fontWeight="bold")
            .transform_filter("datum.different")
            .encode(text=text),
        ]
    step = 20 if crowded else 34
    chart = alt.layer(*layers, data=ROWS).properties(
        width=min(560, 72 * len(task.names)), height=alt.Step(step)
    )
    different = sum(row["different"] for row in rows)
    text = (
        f"Each cell is the network of its column minus that of its row, in {points}: blue where the column's network "
        f"is better, orange where the row's is, stronger the larger. A frame marks a difference shown at {task.percent} "
        f"after Holm's correction over all {len(rows)} pairs: here {different or 'none'}. The rest has not been "
        "told apart; that does not mean equal."
    )
    axes = f"difference in {in_words(metric)} ({points}), best network first"
    first = metric == task.headline
    figure = task.figure(
        "pairs",
        "Which differences are shown",
        axes,
        text,
        chart,
        {"rows": rows},
        choice=in_words(metric),
        first=first,
    )
    figure.spec["usermeta"] = {"most": 72 * len(task.names) + 110}
    return figure


def _finer(metric: str) -> str:
    return ".1f" if unit(metric) or metric == "perplexity" else ".3f"


def power(task: Task) -> list[Figure]:
    """The smallest true difference that this test set would show, by the number of seeds."""
    found = task.task["power"].get(task.headline)
    if not found or not found["with_seeds"]:
        return []
    metric = task.headline
    points = "points" if unit(metric) else in_words(metric)
    rows = [
        {"seeds": int(count), "detectable": shown(metric, value)}
        for count, value in sorted(found["with_seeds"].items(), key=lambda item: int(item[0]))
        if value is not None
    ]
    if not rows:
        return []
    here = [{"seeds": len(task.document["seeds"]), "detectable": shown(metric, found["detectable"])}]
    means = [network["scores"][metric]["mean"] for network in task.networks]
    gaps = [{"difference": shown(metric, abs(means[0] - mean))} for mean in means[1:]]
    limit = max([row["detectable"] for row in rows] + [gap["difference"] for gap in gaps[:1]]) * 1.15
    x = alt.X(
        "seeds:Q",
        title="seeds a network",
        scale=alt.Scale(domain=[0, max(row["seeds"] for row in rows) + 1], nice=False),
        axis=alt.Axis(values=[row["seeds"] for row in rows], format="d", grid=False),
    )
    look = {"title": f"difference ({points})", "scale": alt.Scale(domain=[0, limit], nice=False)}
    base = alt.Chart(ROWS).encode(x=x, y=alt.Y("detectable:Q", **look))
    tooltip = ["seeds:Q", alt.Tooltip("detectable:Q", title=f"detectable ({points})", format=".2f")]
    layers = [
        base.mark_line(style="ink", strokeWidth=2),
        base.mark_circle(size=60, style="mean", opacity=1).encode(tooltip=tooltip),
        base.mark_text(dy=-12, fontSize=12).encode(text=alt.Text("detectable:Q", format=_finer(metric))),
    ]
    data = {"rows": rows, "here": here}
    text = (
        f"How large a true difference between two networks must be for this design to show it in four of five "
        f"repetitions: with {here[0]['seeds']} seeds and {task.document['rows']:,} test rows "
        f"{written(metric, found['detectable'])} {points} (median over pairs)."
    )
    if gaps:
        data["gap"] = gaps[:1]
        gap = alt.Chart(alt.NamedData(name="gap"))
        layers += [
            gap.mark_rule(style="guide").encode(y=alt.Y("difference:Q", **look)),
            gap.transform_calculate(label="'best minus second: ' + format(datum.difference, '.2f')")
            .mark_text(style="note", align="right", dy=-7)
            .encode(x=alt.value("width"), y=alt.Y("difference:Q", **look), text="label:N"),
        ]
        text += " Dashed: what was observed between the best and the second best."
    chart = alt.layer(*layers, data=ROWS).properties(width=420, height=200)
    axes = f"smallest difference in {in_words(metric)} found with 80 % power ({points}), by number of seeds"
    figure = task.figure("power", "What this design could have shown", axes, text, chart, data)
    figure.spec["usermeta"] = {"most": 620}
    return [figure]
