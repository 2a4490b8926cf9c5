"""Figures of training: learning curves, what more runs bring, and what it all costs."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection

from unroll.comparison.scores import in_words
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
    quantity,
    shown,
    tooltip,
    with_unit,
)
from unroll.report.figures.theme import COLOURED

COSTS = {
    "operations of training": "additions and multiplications of one training run",
    "parameters": "trained parameters",
    "operations of a text": "additions and multiplications for a text of mean length",
    "measured seconds": "seconds of one training run, measured",
}
MEASURED = "measured seconds"
TRIALS = {
    "trials": "trained runs",
    "operations": "operations of training",
    "hours": "hours of training, measured",
}
LABEL_HEIGHT = 15
COST_HEIGHT = 300


def curves(task: Task) -> list[Figure]:
    """Mean and range over seeds, epoch by epoch, a panel a network with the others in grey behind."""
    wanted = (f"validation_{task.headline}", "validation_loss", "train_loss")
    have = {key for _, row in task.each("curves") for key, value in row.items() if value is not None}
    return [_curves(task, column) for column in dict.fromkeys(wanted) if column in have]


def _curves(task: Task, column: str) -> Figure:
    decisive = column == f"validation_{task.headline}"
    seen: dict[tuple[str, int], list[float]] = defaultdict(list)
    for name, row in task.each("curves"):
        if row.get(column) is not None:
            seen[name, row["epoch"]].append(shown(column, row[column]))
    kept = Counter((one["name"], epoch) for one in task.networks for epoch in one["best_epochs"] if decisive)
    order = {name: place for place, name in enumerate(task.names)}
    rows = [
        {
            "network": name,
            "epoch": epoch,
            "mean": round(math.fsum(values) / len(values), 4),
            "low": min(values),
            "high": max(values),
            "seeds": len(values),
            "kept": kept[name, epoch],
        }
        for (name, epoch), values in sorted(seen.items(), key=lambda item: (order[item[0][0]], item[0][1]))
    ]
    others = [{"other": row["network"], "epoch": row["epoch"], "mean": row["mean"]} for row in rows]
    last = max(row["epoch"] for row in rows)
    x = quantity(
        "epoch",
        title=None,
        scale={"domain": [1, max(last, 2)], "nice": False},
        axis={"format": "d", "tickMinStep": 1, "tickCount": min(last, 6), "grid": False},
    )
    limits = domain([row[end] for row in rows for end in ("low", "high")])
    look = {"title": None, "scale": {"domain": limits, "nice": False}, "axis": {"tickCount": 4}}
    form = number_format(column.split("_", 1)[1])
    told = tooltip(
        ("network", "network"),
        ("epoch", "epoch"),
        ("mean", "mean over seeds", form),
        ("low", "lowest seed", form),
        ("high", "highest seed", form),
        ("kept", "seeds that kept this epoch"),
    )
    mean = {"x": x, "y": quantity("mean", **look)}
    own = mean | {"color": task.colour()}
    spread = own | {"y": quantity("low", **look), "y2": {"field": "high"}}
    layers = [
        layer("line", mean | {"detail": nominal("other")}, data="others", style="context"),
        layer("area", spread, opacity=0.25),
        layer("line", own, strokeWidth=2.5),
        layer("circle", own | {"tooltip": told}, size=130, opacity=0),
    ]
    if decisive:
        layers.append(layer("circle", own | {"tooltip": told}, only=["datum.kept > 0"], size=48, style="dot"))
    text = (
        "A panel a network: the line is the mean over seeds, the band reaches from the lowest to the "
        "highest seed, the other networks' means are grey behind it."
    )
    if decisive:
        text += " A dot marks an epoch whose weights a seed kept."
    return task.figure(
        "learning",
        "Learning curves",
        f"{with_unit(column)} by epoch, {better(column.split('_', 1)[1])}",
        text,
        task.panels(layers, least=128, most=260, margin=46, height=120),
        {"rows": rows, "others": others},
        choice=in_words(column),
        first=decisive,
    )


def trials(task: Task) -> list[Figure]:
    """The expected best validation score of so many trained runs, or of so many operations."""
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
            "operations": count * network["operations"]["training"],
            "best": shown(metric, value),
        }
        for network in task.networks
        for count, value in enumerate(network["trials"], start=1)
    ]
    mean = math.fsum(one["operations"]["training"] for one in task.networks) / len(task.networks)
    anyone = [
        {"trials": count, "operations": count * mean, "best": shown(metric, value)}
        for count, value in enumerate(task.task["trials"], start=1)
    ]
    limits = domain([row["best"] for row in [*rows, *anyone]])
    axis = {"format": "d" if by == "trials" else "~s", "grid": False, "tickCount": 5}
    x = quantity(by, title=TRIALS[by], scale={"type": "log", "nice": False}, axis=axis)
    title = f"expected best {with_unit(f'validation_{metric}')}"
    y = quantity("best", title=title, scale={"domain": limits, "nice": False}, axis={"tickCount": 5})
    legend = {"orient": "bottom", "columns": 4, "symbolType": "stroke", "values": _named(task)}
    told = tooltip(
        ("network", "network"),
        ("trials", "trained runs"),
        ("operations", "operations", ".3s"),
        ("best", "expected best", number_format(metric)),
    )
    at = {"x": x, "y": y}
    own = at | {"color": task.colour(legend), "opacity": focused(0.12)}
    layers = [
        layer("line", own, only=[SHOWN], strokeWidth=2),
        layer("circle", own | {"tooltip": told}, only=[SHOWN], size=50, style="dot"),
    ]
    text = (
        "The best validation score to expect when one trains so many seeds of a network and keeps the best "
        "(Dodge et al. 2019, with the unbiased estimator of Tang et al. 2020)."
    )
    datasets = {"rows": rows}
    if by != "hours":
        layers.insert(0, layer("line", at, data="anyone", style="ink", strokeWidth=1.5, strokeDash=[5, 3]))
        datasets["anyone"] = anyone
        text += " Dashed: every run draws its network by chance."
    return task.figure(
        "trials",
        "What more runs bring",
        f"{title} against {TRIALS[by]}",
        text,
        {"layer": layers, "width": 520, "height": COST_HEIGHT - 40},
        datasets,
        choice=f"against {by}",
        first=by == "trials",
    )


def _named(task: Task) -> list[str]:
    """Return whom a plot names: all while there is room, else those with a colour of their own."""
    if len(task.names) <= COLOURED:
        return task.names
    return [name for name in task.names if task.colours[name] != "rest"]


def cost(task: Task) -> list[Figure]:
    """The headline against what is counted, and so repeats."""
    return [_cost(task, kind) for kind in COSTS if kind != MEASURED]


def cost_by_seconds(task: Task) -> Figure:
    """The headline against seconds, which the page fills in."""
    return _cost(task, MEASURED)


def _cost(task: Task, kind: str) -> Figure:
    metric = task.headline
    rows = []
    for network in task.networks:
        score = network["scores"][metric]
        spent = {
            "parameters": network["parameters"],
            "operations of a text": network["operations"]["text"],
            "operations of training": network["operations"]["training"],
            MEASURED: 1,
        }
        low, high = ("low", "high") if score["both_low"] is None else ("both_low", "both_high")
        rows.append(
            {
                "network": network["name"],
                "cost": spent[kind],
                "mean": shown(metric, score["mean"]),
                "low": shown(metric, score[low]),
                "high": shown(metric, score[high]),
            }
        )
    limits = domain([row[end] for row in rows for end in ("mean", "low", "high")])
    _place_labels(rows, limits, _named(task))
    scale: dict = {"type": "log", "nice": False}
    if kind != MEASURED:
        least, most = min(row["cost"] for row in rows), max(row["cost"] for row in rows)
        spread = max(most / least, 1.5)
        # To the right of the dearest its name needs room.
        scale["domain"] = [least / spread**0.06, most * spread**0.3]
    x = quantity("cost", title=COSTS[kind], scale=scale, axis={"format": "~s", "grid": False, "tickCount": 5})
    look = {"title": with_unit(metric), "scale": {"domain": limits, "nice": False}}
    form = number_format(metric)
    told = tooltip(
        ("network", "network"),
        ("mean", in_words(metric), form),
        ("low", f"{task.percent} from", form),
        ("high", "to", form),
        ("cost", kind, ".4s"),
    )
    own = {"x": x, "color": task.colour(), "opacity": focused()}
    name = {"x": x, "y": quantity("_label", **look), "text": nominal("network"), "opacity": focused()}
    spread = {"y": quantity("low", **look), "y2": {"field": "high"}, "opacity": focused(0.08, 0.35)}
    layers = [
        layer("rule", own | spread, only=[SHOWN], strokeWidth=2),
        layer(
            "circle",
            own | {"y": quantity("mean", **look), "tooltip": told},
            only=[SHOWN],
            size=110,
            style="dot",
        ),
        layer("text", name, only=[SHOWN, "isValid(datum._label)"], align="left", dx=9, fontWeight="bold"),
    ]
    text = (
        f"The best lie at the top left. The upright line is the {task.percent} interval over seeds and "
        "test rows: where these overlap widely, the cheaper network has lost nothing that could be shown. "
        "The scale of the cost is logarithmic."
    )
    return task.figure(
        "cost",
        "Score against cost",
        f"{with_unit(metric)} against {COSTS[kind]}",
        text,
        {"layer": layers, "width": 520, "height": COST_HEIGHT},
        {"rows": rows},
        choice=kind,
        first=kind == next(iter(COSTS)),
    )


def _place_labels(rows: list[dict], limits: list[float], named: Collection[str]) -> None:
    """Give each of the names a height of its own, as near its dot as the names below it leave room for.

    Names of dots that are far apart along the cost may share a height.
    """
    step = (limits[1] - limits[0]) * LABEL_HEIGHT / COST_HEIGHT
    costs = [math.log(row["cost"]) for row in rows]
    width = (max(costs) - min(costs)) * 0.3
    placed: list[tuple[float, float]] = []
    for row in sorted(rows, key=lambda row: row["mean"]):
        if row["network"] not in named:
            continue
        cost, height = math.log(row["cost"]), row["mean"]
        while any(abs(cost - other) <= width and abs(height - taken) < step for other, taken in placed):
            height += step / 4
        placed.append((cost, height))
        row["_label"] = round(height, 4)
