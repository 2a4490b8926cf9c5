"""Figures of the test rows: which classes are taken for which, what a confidence is worth, which rows are hard."""

import altair as alt

from unroll.figures_chart import ROWS, Figure, Task, domain, each, shown, with_unit
from unroll.scores import in_words, unit, written


def confusion(task: Task) -> list[Figure]:
    """Of the rows of each class, the share that got each answer; a panel a network."""
    labels = task.task["labels"]
    rows = []
    for network in task.networks:
        for truth, counts in zip(labels, network.get("confusion", []), strict=False):
            total = sum(counts)
            rows += [
                {
                    "network": network["name"],
                    "truth": truth,
                    "answer": answer,
                    "rows": round(count, 2),
                    "share": round(100 * count / total, 2) if total else 0.0,
                }
                for answer, count in zip(labels, counts, strict=True)
            ]
    if not rows:
        return []
    base = alt.Chart().encode(
        x=alt.X(
            "answer:N", sort=labels, title=None, axis=alt.Axis(labelAngle=-45, labelLimit=90, grid=False)
        ),
        y=alt.Y("truth:N", sort=labels, title=None, axis=alt.Axis(labelLimit=90, grid=False)),
        tooltip=[
            "network:N",
            alt.Tooltip("truth:N", title="true class"),
            alt.Tooltip("answer:N", title="answer"),
            alt.Tooltip("share:Q", title="% of the true class", format=".1f"),
            alt.Tooltip("rows:Q", title="rows (mean over seeds)", format=".1f"),
        ],
    )
    scale = alt.Scale(domain=[0, 100], range=[0.03, 0.75])
    height = max(90, 24 * len(labels))
    chart = task.panels(
        base.mark_rect(style="share")
        .encode(opacity=alt.Opacity("share:Q", scale=scale, legend=None))
        .properties(width=130, height=height),
        base.mark_text(fontSize=11)
        .encode(text=alt.Text("share:Q", format=".0f"))
        .properties(width=130, height=height),
    )
    text = (
        "A panel a network, a line a true class: what share of its rows, in percent, got each answer (mean over "
        "seeds). The diagonal is right; a strong cell beside it is what the network mistakes for what."
    )
    axes = "true class by line, answer by column, % of the true class"
    panels = {"least": 130, "most": 230, "margin": 96}
    title = "What is taken for what"
    return [task.figure("confusion", title, axes, text, chart, {"rows": rows}, panels=panels)]


def calibration(task: Task) -> list[Figure]:
    """Reliability: how often an answer of some confidence is right; a panel a network."""
    titles = {
        network["name"]: f"{network['name']}  ECE {written('ece', network['scores']['ece']['mean'])}"
        for network in task.networks
        if network.get("calibration")
    }
    rows = [
        {
            "network": name,
            "panel": titles[name],
            "confidence": round(100 * one["confidence"], 2),
            "accuracy": round(100 * one["accuracy"], 2),
            "rows": one["rows"],
        }
        for name, one in each(task.networks, "calibration")
    ]
    if not rows:
        return []
    look = {
        "title": None,
        "scale": alt.Scale(domain=[0, 100], nice=False),
        "axis": alt.Axis(values=[0, 50, 100], grid=False),
    }
    x, y = alt.X("confidence:Q", **look), alt.Y("accuracy:Q", **look)
    diagonal = alt.Chart(alt.NamedData(name="diagonal")).mark_line(style="guide").encode(x=x, y=y)
    own = alt.Chart().encode(x=x, y=y, color=task.colour())
    tooltip = [
        "network:N",
        alt.Tooltip("confidence:Q", title="mean confidence (%)", format=".1f"),
        alt.Tooltip("accuracy:Q", title="right (%)", format=".1f"),
        alt.Tooltip("rows:Q", title="answers", format=","),
    ]
    size = alt.Size("rows:Q", scale=alt.Scale(range=[12, 180]), legend=None)
    layers = [
        diagonal,
        own.mark_line(strokeWidth=2),
        own.mark_circle(opacity=0.9).encode(size=size, tooltip=tooltip),
    ]
    chart = task.panels(
        *(layer.properties(width=120, height=120) for layer in layers),
        field="panel",
        names=list(titles.values()),
    )
    text = (
        "Does 80 % sure mean right 8 times in 10? On the dashed diagonal it does; below it the network is too sure "
        "of itself. A larger dot holds more answers (all seeds together). ECE, the expected calibration error, is "
        "the mean distance from the diagonal in points: 0 is best."
    )
    axes = "share that is right (%) against the probability of the answer (%)"
    data = {
        "rows": rows,
        "diagonal": [{"confidence": end, "accuracy": end} for end in (0, 100)],
    }
    panels = {"least": 120, "most": 200, "margin": 40, "square": True}
    return [task.figure("calibration", "What a confidence is worth", axes, text, chart, data, panels=panels)]


def by_length(task: Task) -> list[Figure]:
    """The headline in bands of tokens, with intervals."""
    text = (
        "A panel a network: the score on texts of so many tokens, with the {level} interval over seeds and rows; the "
        "other networks are grey behind it."
    )
    return _bands(task, "by_length", "length", "Short and long texts", "tokens of the text", text, 1)


def by_unknown(task: Task) -> list[Figure]:
    """The headline in bands of the share of tokens that the vocabulary lacks, with intervals."""
    text = (
        "A panel a network: the score on texts of which so many percent of the tokens were never seen in training, "
        "with the {level} interval over seeds and rows; the other networks are grey behind it."
    )
    return _bands(
        task, "by_unknown", "unknown-words", "Known and unknown words", "% of tokens unknown", text, 100
    )


def _bands(task: Task, key: str, kind: str, title: str, what: str, text: str, factor: int) -> list[Figure]:
    metric = task.headline
    rows = [
        {
            "network": name,
            "band": _band(one, factor),
            "rows": one["rows"],
            "score": shown(metric, one["score"]),
            "low": shown(metric, one["low"]),
            "high": shown(metric, one["high"]),
        }
        for name, one in each(task.networks, key)
        if one["score"] is not None
    ]
    if not rows:
        return []
    first = next(network for network in task.networks if network.get(key))
    order = [_band(one, factor) for one in first[key]]
    context = [{"other": row["network"], "band": row["band"], "score": row["score"]} for row in rows]
    limits = domain([row[end] for row in rows for end in ("low", "high", "score")])
    axis = alt.Axis(grid=False, labelAngle=-45 if len(order) > 3 else 0, labelFontSize=11)
    x = alt.X("band:N", sort=order, title=None, axis=axis, scale=alt.Scale(type="point", padding=0.4))
    look = {"title": None, "scale": alt.Scale(domain=limits, nice=False), "axis": alt.Axis(tickCount=4)}
    y = alt.Y("score:Q", **look)
    form = ".1f" if unit(metric) else ".3f"
    tooltip = [
        "network:N",
        alt.Tooltip("band:N", title=what),
        alt.Tooltip("rows:Q", title="test rows", format=","),
        alt.Tooltip("score:Q", title=in_words(metric), format=form),
        alt.Tooltip("low:Q", title=f"{task.percent} from", format=form),
        alt.Tooltip("high:Q", title="to", format=form),
    ]
    others = alt.Chart(alt.NamedData(name="context")).mark_line(style="context")
    own = alt.Chart().encode(x=x, color=task.colour())
    layers = [
        others.encode(x=x, y=y, detail="other:N"),
        own.mark_rule(strokeWidth=2, opacity=0.55).encode(y=alt.Y("low:Q", **look), y2="high:Q"),
        own.mark_line(strokeWidth=2).encode(y=y),
        own.mark_circle(size=46, style="dot", opacity=1).encode(y=y, tooltip=tooltip),
    ]
    chart = task.panels(*(layer.properties(width=120, height=120) for layer in layers))
    axes = f"{with_unit(metric)} by {what}"
    panels = {"least": 140, "most": 250, "margin": 46}
    data = {"rows": rows, "context": context}
    return [task.figure(kind, title, axes, text.format(level=task.percent), chart, data, panels=panels)]


def _band(one: dict, factor: int) -> str:
    low, high = (f"{factor * one[end]:.3g}" for end in ("from", "to"))
    return low if low == high else f"{low}–{high}"
