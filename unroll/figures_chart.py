"""What every figure is made of: its data by name, the network's colour, and panels that share their axes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import altair as alt
import vl_convert

from unroll import figures_theme as theme
from unroll.scores import in_words, lower_is_better, unit

VEGA_LITE = "6.4"
PAPER_WIDTH = 560
ROWS = alt.NamedData(name="rows")
"""What a figure shows, and what its CSV holds."""
SHOWN = "indexof(shown, datum.network) >= 0"
"""The page sets `shown`, the networks that are chosen, and `focus`, the one that is pointed at, or ""."""


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
    choice: str = ""
    colours: dict[str, str] = field(default_factory=dict)

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

    def figure(
        self, kind: str, title: str, axes: str, explanation: str, chart: alt.TopLevelMixin, data: dict, **more
    ) -> Figure:
        """Return the figure with its data; `more` may hold its choice and its panels' sizes."""
        choice, panels = more.get("choice", ""), more.get("panels")
        name = f"{self.slug}-{kind}" + (f"-{_slug(choice)}" if choice and not more.get("first") else "")
        heading = f"{title}: {self.document['corpus']}" + (f" ({choice})" if choice else "")
        spec = specification(chart, heading, axes)
        spec["datasets"] = data
        spec["params"] = [{"name": "shown", "value": self.names}, {"name": "focus", "value": ""}]
        spec["description"] = f"{title}, {self.document['corpus']}. {axes}. {explanation}"
        spec["autosize"] = {"type": "pad"} if panels else {"type": "fit-x", "contains": "padding"}
        if panels:
            spec["usermeta"] = {"panels": panels}
        return Figure(name, f"{self.slug}-{kind}", title, axes, explanation, spec, choice, self.colours)

    def colour(self, legend: alt.Legend | None = None) -> alt.Color:
        return alt.Color("network:N", scale=alt.Scale(domain=list(self.colours)), legend=legend)

    def panels(self, *layers: alt.Chart, field: str = "network", names: Sequence[str] = ()) -> alt.FacetChart:
        """Return the layers once a network; a layer with data of its own is whole in each."""
        facet = alt.Facet(f"{field}:N", sort=list(names or self.names), header=alt.Header(title=None))
        return (
            alt.layer(*layers, data=ROWS)
            .transform_filter(SHOWN)
            .facet(facet=facet, columns=4, spacing={"row": 18, "column": 18})
        )


def specification(chart: alt.TopLevelMixin, title: str, axes: str) -> dict:
    """Return the chart's Vega-Lite, unchecked: its schema costs 0.2 s a figure, so the tests hold it against that."""
    return chart.properties(title=alt.TitleParams(title, subtitle=axes)).to_dict(validate=False)


def shown(metric: str, value: float | None) -> float | None:
    """Return the value as people read it: proportions in percent."""
    return None if value is None else round(value * (100 if unit(metric) == "%" else 1), 4)


def with_unit(metric: str) -> str:
    return f"{in_words(metric)} (%)" if unit(metric) else in_words(metric)


def better(metric: str) -> str:
    return "lower is better" if lower_is_better(metric) else "higher is better"


def domain(values: Sequence[float | None], margin: float = 0.06) -> list[float]:
    """Return the range of the values with some air around it."""
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    air = margin * (high - low) or abs(high) * margin or 1.0
    return [round(low - air, 6), round(high + air, 6)]


def focused(dim: float = 0.15, full: float = 1.0) -> dict:
    """Return opacity that steps back while another network is pointed at."""
    return {"condition": {"test": "focus == '' || focus == datum.network", "value": full}, "value": dim}


def each(networks: Sequence[dict], key: str) -> Iterator[tuple[str, dict]]:
    """Walk the entries of a list that each network has, with the network's name."""
    for network in networks:
        for entry in network.get(key, []):
            yield network["name"], entry


def _slug(choice: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in choice.lower()).split())
