"""Figures of training: learning curves, what more trials bring, and what it all costs."""

import math
from collections import defaultdict

import altair as alt

from unroll.figures_chart import ROWS, SHOWN, Figure, Task, better, domain, each, focused, shown, with_unit
from unroll.scores import in_words, unit

COSTS = {
    "operations of training": "multiply-adds x 2 of one training run",
    "parameters": "trained parameters",
    "operations of a text": "multiply-adds x 2 for a text of mean length",
    "measured seconds": "seconds of one training run on the machine that made this page",
}
LABEL_HEIGHT = 15
COST_HEIGHT = 300


def curves(task: Task) -> list[Figure]:
    """Mean and range over seeds, epoch by epoch, a panel a network with the others in grey behind."""
    wanted = [f"validation_{task.headline}", "validation_loss", "train_loss"]
    have = {
        key for _, row in each(task.networks, "curves") for key, value in row.items() if value is not None
    }
    return [_curves(task, column) for column in dict.fromkeys(wanted) if column in have]


def _curves(task: Task, column: str) -> Figure:
    seen: dict[tuple[str, int], list[float]] = defaultdict(list)
    for name, row in each(task.networks, "curves"):
        if row.get(column) is not None:
            seen[name, row["epoch"]].append(shown(column, row[column]))
    rows = [
        {
            "network": name,
            "epoch": epoch,
            "mean": round(math.fsum(values) / len(values), 4),
            "low": min(values),
            "high": max(values),
            "seeds": len(values),
        }
        for (name, epoch), values in sorted(seen.items())
    ]
    context = [{"other": row["network"], "epoch": row["epoch"], "mean": row["mean"]} for row in rows]
    best = _best(task, column)
    last = max(row["epoch"] for row in rows)
    limits = domain([row[key] for row in rows for key in ("low", "high")])
    x = alt.X(
        "epoch:Q",
        title=None,
        scale=alt.Scale(domain=[1, max(last, 2)], nice=False),
        axis=alt.Axis(format="d", tickMinStep=1, tickCount=min(last, 6), grid=False),
    )
    look = {"title": None, "scale": alt.Scale(domain=limits, nice=False), "axis": alt.Axis(tickCount=4)}
    y = alt.Y("mean:Q", **look)
    form = ".1f" if unit(column) else ".3f"
    tooltip = [
        "network:N",
        "epoch:Q",
        *(alt.Tooltip(f"{key}:Q", title=title, format=form) for key, title in _spread()),
    ]
    others = alt.Chart(alt.NamedData(name="context")).mark_line(style="context")
    own = alt.Chart().encode(x=x, color=task.colour())
    layers = [
        others.encode(x=x, y=y, detail="other:N"),
        own.mark_area(opacity=0.25).encode(y=alt.Y("low:Q", **look), y2="high:Q"),
        own.mark_line(strokeWidth=2.5).encode(y=y),
        own.mark_point(size=60, filled=True, opacity=0).encode(y=y, tooltip=tooltip),
    ]
    if best:
        layers.append(
            own.mark_circle(size=44, style="dot", opacity=1).encode(y=y).transform_filter("datum.best > 0")
        )
        for row in rows:
            row["best"] = best.get((row["network"], row["epoch"]), 0)
    chart = task.panels(*(layer.properties(width=120, height=110) for layer in layers))
    text = (
        "A panel a network: the line is the mean over seeds, the band reaches from the worst to the best seed, the "
        "other networks are grey behind it."
    )
    if best:
        text += " A dot marks an epoch whose weights a seed kept."
    axes = f"{with_unit(column)} by epoch, {better(column)}"
    data = {"rows": rows, "context": context}
    return task.figure(
        "learning",
        "How they learn",
        axes,
        text,
        chart,
        data,
        choice=in_words(column),
        first=column == f"validation_{task.headline}",
        panels={"least": 130, "most": 250, "margin": 46},
    )


def _spread() -> list[tuple[str, str]]:
    return [("mean", "mean over seeds"), ("low", "lowest seed"), ("high", "highest seed")]


def _best(task: Task, column: str) -> dict[tuple[str, int], int]:
    """Return how many seeds kept each epoch; of the headline alone, which decided it."""
    kept: dict[tuple[str, int], int] = defaultdict(int)
    if column == f"validation_{task.headline}":
        for network in task.networks:
            for epoch in network.get("best_epochs", []):
                kept[network["name"], epoch] += 1
    return kept


def trials(task: Task) -> list[Figure]:
    """The expected best validation score of so many trained seeds, or of so many operations."""
    return [_trials(task, "trials"), _trials(task, "operations")]


def trials_by_hours(task: Task) -> Figure:
    """The same against hours, which the page fills in where times were measured."""
    return _trials(task, "hours")


def _trials(task: Task, by: str) -> Figure:
    metric = task.headline
    rows = [
        {
            "network": network["name"],
            "trials": count,
            "best": shown(metric, value),
            "operations": count * network["operations"]["training"],
        }
        for network in task.networks
        for count, value in enumerate(network["trials"], start=1)
    ]
    spent = [network["operations"]["training"] for network in task.networks]
    mean = sum(spent) / len(spent)
    data = {"rows": rows}
    limits = domain([row["best"] for row in rows] + [shown(metric, value) for value in task.task["trials"]])
    scale = alt.Scale(type="linear" if by == "hours" else "log", nice=False)
    titles = {"trials": "trained runs", "operations": "operations of training", "hours": "hours of training"}
    form = {"trials": "d", "operations": "~s", "hours": "~g"}[by]
    axis = alt.Axis(format=form, grid=False, tickCount=5)
    x = alt.X(f"{by}:Q", title=titles[by], scale=scale, axis=axis)
    title = f"expected best {with_unit('validation_' + metric)}"
    y = alt.Y("best:Q", title=title, scale=alt.Scale(domain=limits, nice=False), axis=alt.Axis(tickCount=5))
    legend = alt.Legend(orient="bottom", columns=4, symbolType="stroke", values=_coloured(task))
    colour = task.colour(legend=legend)
    tooltip = [
        "network:N",
        alt.Tooltip("trials:Q", title="trained runs"),
        alt.Tooltip("best:Q", title=title, format=".1f"),
        alt.Tooltip("operations:Q", title="operations", format=".3s"),
    ]
    own = alt.Chart(ROWS).transform_filter(SHOWN).encode(x=x, y=y, color=colour, opacity=focused(0.12))
    layers = [own.mark_line(strokeWidth=2), own.mark_circle(size=50, style="dot").encode(tooltip=tooltip)]
    text = (
        "The best validation score to expect when one trains so many seeds and keeps the best (Dodge et al. 2019, the "
        "unbiased estimator of Tang et al. 2020)."
    )
    if by != "hours":
        data["any"] = [
            {"trials": count, "operations": count * mean, "best": shown(metric, value)}
            for count, value in enumerate(task.task["trials"], start=1)
        ]
        anyone = alt.Chart(alt.NamedData(name="any")).encode(x=x, y=y)
        layers.insert(0, anyone.mark_line(style="ink", strokeWidth=1.5, strokeDash=[5, 3]))
        text += " Dashed: one draws a network by chance for every run."
    chart = alt.layer(*layers, data=ROWS).properties(width=560, height=260)
    axes = f"{title} against {titles[by]}, {better(metric)}"
    name = f"against {by}"
    return task.figure(
        "trials", "What more runs bring", axes, text, chart, data, choice=name, first=by == "trials"
    )


def _coloured(task: Task) -> list[str]:
    own = [name for name in task.colours if name in task.names]
    return [name for name in own if task.colours[name] != "rest"] or own


def cost(task: Task) -> list[Figure]:
    """The headline against what is counted, and so repeats."""
    return [_cost(task, kind) for kind in COSTS if kind != "measured seconds"]


def cost_by_seconds(task: Task) -> Figure:
    """The headline against measured seconds, which the page fills in."""
    return _cost(task, "measured seconds")


def _cost(task: Task, kind: str) -> Figure:
    metric = task.headline
    spend = {
        "parameters": lambda network: network["parameters"],
        "operations of a text": lambda network: network["operations"]["text"],
        "operations of training": lambda network: network["operations"]["training"],
        "measured seconds": lambda network: 1,
    }[kind]
    rows = []
    for network in task.networks:
        score = network["scores"][metric]
        both = score.get("both_low") is not None
        rows.append(
            {
                "network": network["name"],
                "cost": spend(network),
                "mean": shown(metric, score["mean"]),
                "low": shown(metric, score["both_low" if both else "low"]),
                "high": shown(metric, score["both_high" if both else "high"]),
            }
        )
    ends = [row[key] for row in rows for key in ("mean", "low", "high")]
    limits = domain(ends)
    _place_labels(rows, limits)
    costs = [row["cost"] for row in rows]
    scale = alt.Scale(type="log", nice=False, padding=0)
    if kind != "measured seconds":
        # Room for the names, to the right of the dearest.
        spread = max(max(costs) / max(min(costs), 1), 1.5)
        scale = alt.Scale(
            type="log", nice=False, domain=[min(costs) / spread**0.06, max(costs) * spread**0.3]
        )
    x = alt.X("cost:Q", title=COSTS[kind], scale=scale, axis=alt.Axis(format="~s", grid=False, tickCount=5))
    look = {"title": with_unit(metric), "scale": alt.Scale(domain=limits, nice=False)}
    base = alt.Chart(ROWS).transform_filter(SHOWN).encode(x=x, color=task.colour(), opacity=focused())
    form = ".1f" if unit(metric) else ".3f"
    tooltip = [
        "network:N",
        alt.Tooltip("mean:Q", title=in_words(metric), format=form),
        alt.Tooltip("low:Q", title=f"{task.percent} from", format=form),
        alt.Tooltip("high:Q", title="to", format=form),
        alt.Tooltip("cost:Q", title=kind, format=".4s"),
    ]
    layers = [
        base.mark_rule(strokeWidth=1, strokeDash=[2, 2]).encode(y=alt.Y("mean:Q", **look), y2="label_at:Q"),
        base.mark_rule(strokeWidth=2).encode(
            y=alt.Y("low:Q", **look), y2="high:Q", opacity=focused(0.08, 0.4)
        ),
        base.mark_circle(size=110, style="dot").encode(y=alt.Y("mean:Q", **look), tooltip=tooltip),
        alt.Chart(ROWS)
        .transform_filter(SHOWN)
        .mark_text(align="left", dx=9, fontWeight="bold")
        .encode(x=x, y=alt.Y("label_at:Q", **look), text="network:N", opacity=focused()),
    ]
    chart = alt.layer(*layers, data=ROWS).properties(width=560, height=COST_HEIGHT)
    text = (
        f"The best lie at the top left. The upright line is the {task.percent} interval over seeds and test rows: "
        "where these overlap widely, the cheaper network has lost nothing that was shown. The scale of the cost is "
        "logarithmic."
    )
    axes = f"{with_unit(metric)} against {COSTS[kind]}"
    return task.figure(
        "cost",
        "What it costs",
        axes,
        text,
        chart,
        {"rows": rows},
        choice=kind,
        first=kind == "operations of training",
    )


def _place_labels(rows: list[dict], limits: list[float]) -> None:
    """Give each name a height of its own, as near its dot as the names below it leave room for.

    Names of dots that are far apart along the cost may share a height.
    """
    step = (limits[1] - limits[0]) * LABEL_HEIGHT / COST_HEIGHT
    costs = [math.log(row["cost"]) for row in rows]
    width = (max(costs) - min(costs)) * 0.3
    placed: list[tuple[float, float]] = []
    for row in sorted(rows, key=lambda row: row["mean"]):
        cost, height = math.log(row["cost"]), row["mean"]
        while any(abs(cost - other) <= width and abs(height - taken) < step for other, taken in placed):
            height += step / 4
        placed.append((cost, height))
        row["label_at"] = round(height, 4)
