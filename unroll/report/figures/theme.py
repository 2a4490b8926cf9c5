"""Colours and type of the figures: literal ones for a paper, custom properties of CSS for the page.

With the properties the page changes between light and dark, and prints, without drawing anything anew.
"""

from collections.abc import Mapping, Sequence

# Eight hues that stay apart for eyes without one kind of cone (tests/test_figures.py measures it), at
# 3:1 or more on their own background; the light ones start from Okabe and Ito's.
LIGHT = {
    "n0": "#5f8ffc",
    "n1": "#de7425",
    "n2": "#137d6d",
    "n3": "#b884b2",
    "n4": "#955705",
    "n5": "#004d73",
    "n6": "#7f4cbb",
    "n7": "#87082b",
    "rest": "#8a9099",
    "ink": "#1b2027",
    "muted": "#5b6470",
    "line": "#e3e6ea",
    "context": "#c9ced6",
    "surface": "#ffffff",
    "raised": "#f6f7f9",
    "better": "#1667b7",
    "worse": "#c2570c",
    "share": "#1667b7",
}
DARK = {
    "n0": "#a2bafe",
    "n1": "#fb9d55",
    "n2": "#4db8aa",
    "n3": "#fbd6fa",
    "n4": "#b97f20",
    "n5": "#3389ac",
    "n6": "#9267f0",
    "n7": "#ce4974",
    "rest": "#8b939e",
    "ink": "#e8eaed",
    "muted": "#a3acb8",
    "line": "#2d333b",
    "context": "#4a525d",
    "surface": "#15191e",
    "raised": "#1d2228",
    "better": "#5aa2f0",
    "worse": "#f08a3c",
    "share": "#5aa2f0",
}
COLOURED = 8
"""Networks with a colour of their own; what comes after them is grey until one points at it."""
CSS = {name: f"var(--{name})" for name in LIGHT}
PAPER_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""First the one that vl-convert brings along, so that its measures repeat from machine to machine."""


def colour_names(networks: Sequence[str]) -> dict[str, str]:
    """Return the name of each network's colour, for networks with the most important first.

    Among the first eight the alphabet decides, so that a small change of rank moves no colour.
    """
    coloured = sorted(networks[:COLOURED])
    return {name: f"n{coloured.index(name)}" if name in coloured else "rest" for name in networks}


def config(colours: Mapping[str, str], networks: Mapping[str, str], font: str) -> dict:
    """Return Vega-Lite's configuration; `networks` maps each to its colour's name, in the scale's order."""
    text = {"font": font, "color": colours["ink"]}
    labels = {"labelColor": colours["muted"], "titleColor": colours["muted"], "labelFontSize": 12}
    return {
        "font": font,
        "background": "transparent",
        "aria": False,  # the figure as a whole has a description; thousands of marks read aloud help nobody
        "view": {"stroke": None},
        "range": {"category": [colours[name] for name in networks.values()] or [colours["rest"]]},
        "axis": {
            **labels,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
            "gridColor": colours["line"],
        },
        "header": {
            "labelColor": colours["ink"],
            "labelFontSize": 12,
            "labelFontWeight": "bold",
            "title": None,
        },
        "legend": {**labels, "labelColor": colours["ink"], "symbolStrokeWidth": 3, "title": None},
        "title": {
            "anchor": "start",
            "frame": "group",
            "color": colours["ink"],
            "subtitleColor": colours["muted"],
            "fontSize": 14,
            "subtitleFontSize": 12,
            "subtitlePadding": 5,
            "offset": 14,
        },
        "text": {**text, "fontSize": 12},
        "rule": {"color": colours["muted"]},
        # Marks that are of no network take their colours from these names.
        "style": {
            "context": {"color": colours["context"], "strokeWidth": 1},
            "guide": {"color": colours["muted"], "strokeWidth": 1, "strokeDash": [3, 3]},
            "note": {"color": colours["muted"], "fontSize": 11},
            "share": {"color": colours["share"]},
            "better": {"color": colours["better"]},
            "worse": {"color": colours["worse"]},
            "frame": {"stroke": colours["ink"]},
            "ink": {"color": colours["ink"]},
            "dot": {"stroke": colours["surface"], "strokeWidth": 1},
        },
    }
