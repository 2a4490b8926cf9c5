"""What every figure is made of: layers over data by name, a colour a network, panels that share their axes.

The figures are Vega-Lite as plain dictionaries: the same through Altair took 100 times as long to make.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import vl_convert

from unroll.comparison.scores import in_words, lower_is_better, unit
from unroll.comparison.verdict import told_apart
from unroll.report.figures import theme

VEGA_LITE = "6.4"
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
SHOWN = "indexof(shown, datum.network) >= 0"
"""The page sets `shown`, the networks that are chosen, and `focus`, the one that is pointed at, or ""."""
GAP = 18
"""Pixels between panels."""


@dataclass(frozen=True)
class Figure:
    """One figure of one corpus. Figures of equal `slot` are choices for one place of the page."""

    name: str
    slot: str
    title: str
    axes: str
    """What the axes show, in a line."""
    explanation: str
    spec: dict
    """Its data are `datasets`: "rows" is what the figure shows; columns that start with _ only place it."""
    colours: dict[str, str]
    choice: str = ""

    @property
    def panels(self) -> bool:
        return "facet" in self.spec

    def svg(self) -> str:
        """Return the figure for a paper: light, in one typeface, the same bytes for the same figure."""
        look = theme.config(theme.LIGHT, self.colours, theme.PAPER_FONT) | {"background": "white"}
        return vl_convert.vegalite_to_svg(self.spec | {"config": look}, vl_version=VEGA_LITE)


@dataclass(frozen=True)
class Task:
    """A corpus's classifiers, or its next-word networks, with what their figures have in common."""

    document: dict
    task: dict
    colours: dict[str, str]
    """The name of each network's colour, over all corpora."""

    @cached_property
    def slug(self) -> str:
        """Return what names of figures start with: "sst5", or "sst5-next-word"."""
        kind = "" if self.task["task"] == "classification" else f"-{self.task['task'].replace('_', '-')}"
        return self.document["corpus"] + kind

    @property
    def headline(self) -> str:
        return self.task["headline"]

    @property
    def networks(self) -> list[dict]:
        return self.task["networks"]

    @property
    def ensembles(self) -> list[dict]:
        return self.task["ensembles"]

    @property
    def floors(self) -> list[dict]:
        return self.task["floors"]

    @cached_property
    def names(self) -> list[str]:
        return [network["name"] for network in self.networks]

    @property
    def tested(self) -> list[str]:
        """Return the metrics that have tests, the headline first."""
        return sorted(self.task["tested"], key=lambda metric: metric != self.headline)

    @property
    def percent(self) -> str:
        return f"{100 * self.document['level']:g} %"

    def is_different(self, pair: dict) -> bool:
        return told_apart(pair, self.document["level"])

    def each(self, key: str) -> Iterator[tuple[str, dict]]:
        """Walk the entries of a list that each network has, with the network's name."""
        for network in self.networks:
            for entry in network.get(key, []):
                yield network["name"], entry

    def figure(
        self,
        kind: str,
        title: str,
        axes: str,
        explanation: str,
        chart: dict,
        datasets: dict[str, list[dict]],
        choice: str = "",
        first: bool = True,
    ) -> Figure:
        """Return the figure of `chart`; where it is one of several choices, the first has the short name."""
        slot = f"{self.slug}-{kind}"
        name = slot if first else f"{slot}-{'-'.join(choice.lower().split())}"
        heading = f"{title}: {self.document['corpus']}" + (f" ({choice})" if choice else "")
        chart = {"params": [{"name": "shown", "value": self.names}, {"name": "focus", "value": ""}]} | chart
        spec = specification(chart, heading, axes, explanation, datasets)
        return Figure(name, slot, title, axes, explanation, spec, self.colours, choice)

    def colour(self, legend: dict | None = None) -> dict:
        return nominal("network", scale={"domain": list(self.colours)}, legend=legend)

    def panels(
        self,
        layers: Sequence[dict],
        least: int,
        most: int,
        margin: int,
        height: int,
        headings: Sequence[str] = (),
    ) -> dict:
        """Return the layers once a network; a layer with data of its own is whole in each.

        The page makes as many columns as fit, each of `least` to `most` pixels, `margin` being for the axis.
        `headings` are those of the column _panel; without them a panel is headed by its network's name.
        """
        return {
            "transform": [{"filter": SHOWN}],
            "facet": nominal(
                "_panel" if headings else "network", sort=list(headings or self.names), title=None
            ),
            "columns": 4,
            "spacing": GAP,
            "spec": {"width": least, "height": height, "layer": list(layers)},
            "usermeta": {"least": least, "most": most, "margin": margin},
        }


def specification(chart: dict, title: str, axes: str, explanation: str, datasets: dict) -> dict:
    return {
        "$schema": SCHEMA,
        "title": {"text": title, "subtitle": axes},
        "description": f"{title}. {axes}. {explanation}",
        "data": {"name": "rows"},
        "datasets": datasets,
        **chart,
    }


def layer(
    kind: str, encoding: dict, data: str | None = None, only: Sequence[str] = (), **look: object
) -> dict:
    """Return one mark, of the figure's rows or of the data named; `only` are conditions on these."""
    made: dict = {"mark": {"type": kind, **look}, "encoding": encoding}
    if only:
        made["transform"] = [{"filter": condition} for condition in only]
    return made if data is None else {"data": {"name": data}, **made}


def quantity(field: str, **look: object) -> dict:
    return {"field": field, "type": "quantitative", **look}


def nominal(field: str, **look: object) -> dict:
    return {"field": field, "type": "nominal", **look}


def tooltip(*lines: tuple[str, str] | tuple[str, str, str]) -> list[dict]:
    """Return a line each of (column, what to call it[, format of the number])."""
    return [
        quantity(line[0], title=line[1], format=line[2])
        if len(line) == 3
        else nominal(line[0], title=line[1])
        for line in lines
    ]


def focused(dim: float = 0.15, full: float = 1.0) -> dict:
    """Return opacity that steps back while another network is pointed at."""
    return {"condition": {"test": "focus == '' || focus == datum.network", "value": full}, "value": dim}


def shown(metric: str, value: float | None) -> float | None:
    """Return the value as people read it: proportions in percent."""
    return None if value is None else round(value * (100 if unit(metric) else 1), 4)


def number_format(metric: str) -> str:
    return ".1f" if unit(metric) or metric == "perplexity" else ".3f"


def with_unit(metric: str) -> str:
    return f"{in_words(metric)} (%)" if unit(metric) else in_words(metric)


def points(metric: str) -> str:
    """Return what a difference is counted in."""
    return "points" if unit(metric) else "nats" if metric == "loss" else in_words(metric)


def better(metric: str) -> str:
    return "lower is better" if lower_is_better(metric) else "higher is better"


def domain(values: Sequence[float | None], margin: float = 0.06) -> list[float]:
    """Return the range of the values with some air around it."""
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    air = margin * (high - low) or abs(high) * margin or 1.0
    return [round(low - air, 6), round(high + air, 6)]
