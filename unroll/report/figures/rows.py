"""Figures of the test rows: what is taken for what, what a confidence is worth, which rows are harder."""

from unroll.comparison.scores import in_words, written
from unroll.report.figures.chart import (
    Figure,
    Task,
    domain,
    layer,
    nominal,
    number_format,
    quantity,
    shown,
    tooltip,
    with_unit,
)


def confusion(task: Task) -> list[Figure]:
    """Of the rows of each class, the share that got each answer; a panel a network."""
    labels = task.task["labels"]
    rows = [
        {
            "network": name,
            "truth": labels[truth],
            "answer": answer,
            "rows": round(count, 2),
            "share": round(100 * count / (sum(counts) or 1), 2),
        }
        for network in task.networks
        for name in [network["name"]]
        for truth, counts in enumerate(network.get("confusion", []))
        for answer, count in zip(labels, counts, strict=True)
    ]
    if not rows:
        return []
    axis = {"grid": False, "labelLimit": 90}
    at = {
        "x": nominal("answer", sort=labels, title=None, axis=axis | {"labelAngle": -45}),
        "y": nominal("truth", sort=labels, title=None, axis=axis),
        "tooltip": tooltip(
            ("network", "network"),
            ("truth", "true class"),
            ("answer", "answer"),
            ("share", "% of the true class", ".1f"),
            ("rows", "rows (mean over seeds)", ".1f"),
        ),
    }
    opacity = quantity("share", scale={"domain": [0, 100], "range": [0.03, 0.7]}, legend=None)
    layers = [
        layer("rect", at | {"opacity": opacity}, style="share"),
        layer("text", at | {"text": quantity("share", format=".0f")}, fontSize=11),
    ]
    text = (
        "A panel a network, a line a true class: what share of its rows, in percent, got each answer (mean "
        "over seeds). The diagonal is right; a strong cell beside it is what the network mistakes for what."
    )
    return [
        task.figure(
            "confusion",
            "What is taken for what",
            "true class by line, answer by column, % of the true class",
            text,
            task.panels(layers, least=100, most=190, margin=92, height=max(84, 24 * len(labels))),
            {"rows": rows},
        )
    ]


def calibration(task: Task) -> list[Figure]:
    """Reliability: how often an answer of some confidence is right; a panel a network."""
    headings = {
        one["name"]: f"{one['name']}, ECE {written('ece', one['scores']['ece']['mean'])}"
        for one in task.networks
        if one.get("calibration")
    }
    rows = [
        {
            "network": name,
            "confidence": round(100 * one["confidence"], 2),
            "accuracy": round(100 * one["accuracy"], 2),
            "rows": one["rows"],
            "_panel": headings[name],
        }
        for name, one in task.each("calibration")
    ]
    if not rows:
        return []
    look = {"title": None, "scale": {"domain": [0, 100], "nice": False}}
    at = {
        "x": quantity("confidence", axis={"values": [0, 50, 100], "grid": False}, **look),
        "y": quantity("accuracy", axis={"values": [0, 50, 100]}, **look),
    }
    own = at | {"color": task.colour()}
    told = tooltip(
        ("network", "network"),
        ("confidence", "mean probability (%)", ".1f"),
        ("accuracy", "right (%)", ".1f"),
        ("rows", "answers", ","),
    )
    size = quantity("rows", scale={"range": [12, 150]}, legend=None)
    layers = [
        layer("line", at, data="diagonal", style="guide"),
        layer("line", own, strokeWidth=2),
        layer("circle", own | {"size": size, "tooltip": told}, opacity=0.9),
    ]
    text = (
        "Does 80 % sure mean right 8 times in 10? On the dashed diagonal it does; below it the network is "
        "too sure of itself. A larger dot holds more answers (all seeds together). ECE, the expected "
        "calibration error, is the mean distance from the diagonal in points: 0 is best."
    )
    return [
        task.figure(
            "calibration",
            "What a confidence is worth",
            "share of answers that are right (%) against their probability (%)",
            text,
            task.panels(layers, least=118, most=200, margin=40, height=128, headings=list(headings.values())),
            {"rows": rows, "diagonal": [{"confidence": end, "accuracy": end} for end in (0, 100)]},
        )
    ]


def by_length(task: Task) -> list[Figure]:
    """The headline in bands of tokens, with intervals."""
    what = "texts of so many tokens"
    return _bands(task, "by_length", "length", "Short and long texts", "tokens of the text", what, 1)


def by_unknown(task: Task) -> list[Figure]:
    """The headline in bands of the share of tokens that the vocabulary lacks, with intervals."""
    what = "texts of which so many percent of the tokens were never seen in training"
    return _bands(task, "by_unknown", "unknown-words", "Unknown words", "% of unknown tokens", what, 100)


def _bands(task: Task, key: str, kind: str, title: str, axis: str, what: str, factor: int) -> list[Figure]:
    metric = task.headline
    rows = [
        {
            "network": name,
            "band": _band(one, factor),
            "rows": one["rows"],
            **{end: shown(metric, one[end]) for end in ("score", "low", "high")},
        }
        for name, one in task.each(key)
        if one["score"] is not None
    ]
    if not rows:
        return []
    order = list(dict.fromkeys(row["band"] for row in rows))
    others = [{"other": row["network"], "band": row["band"], "score": row["score"]} for row in rows]
    limits = domain([row[end] for row in rows for end in ("low", "high", "score")])
    look = {"title": None, "scale": {"domain": limits, "nice": False}, "axis": {"tickCount": 4}}
    bands = {"grid": False, "labelAngle": -45, "labelFontSize": 11}
    x = nominal("band", sort=order, title=None, axis=bands, scale={"type": "point", "padding": 0.4})
    form = number_format(metric)
    told = tooltip(
        ("network", "network"),
        ("band", axis),
        ("rows", "test rows", ","),
        ("score", in_words(metric), form),
        ("low", f"{task.percent} from", form),
        ("high", "to", form),
    )
    at = {"x": x, "y": quantity("score", **look)}
    own = at | {"color": task.colour()}
    interval = own | {"y": quantity("low", **look), "y2": {"field": "high"}}
    layers = [
        layer("line", at | {"detail": nominal("other")}, data="others", style="context"),
        layer("rule", interval, strokeWidth=2, opacity=0.5),
        layer("line", own, strokeWidth=2),
        layer("circle", own | {"tooltip": told}, size=50, style="dot", opacity=1),
    ]
    text = (
        f"A panel a network: its {in_words(metric)} on {what}, with the {task.percent} interval over seeds "
        "and rows; the other networks are grey behind it."
    )
    return [
        task.figure(
            kind,
            title,
            f"{with_unit(metric)} by {axis}",
            text,
            task.panels(layers, least=128, most=260, margin=46, height=120),
            {"rows": rows, "others": others},
        )
    ]


def _band(one: dict, factor: int) -> str:
    ends = (factor * one[end] for end in ("from", "to"))
    low, high = (f"{end:.2g}" if end < 10 else f"{end:.0f}" for end in ends)
    return low if low == high else f"{low}–{high}"
