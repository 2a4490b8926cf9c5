"""The rows of a run -> results.csv, the tables of docs/speed.md and a plot."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import vl_convert

from benchmarks.measurement import Row
from unroll import files
from unroll.failures import Refusal
from unroll.report.figures import theme
from unroll.report.figures.chart import SCHEMA, VEGA_LITE

COLUMNS = ("section", "case", "metric", "unit", "ours", "other", "ratio", "low", "high", "target", "met")
BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
MACHINE = "machine"
"""The section of what was measured on."""
LOOPS = {
    "bfloat16": "ours, bfloat16",
    "float32": "ours, float32",
    "float32 against torch's layer in our loop": "torch's layer in our loop",
    "float32 against the notebook's loop": "the notebook's loop",
    "float32 against the packed loop": "the packed loop",
}
"""What each bar of the plot is called, the fastest first; of `against` rows it shows the other side."""
COLOURS = ("n5", "n0", "n2", "n1", "n4")


def write(rows: Sequence[Row], results: Path, page: Path, plot: Path) -> None:
    """Write results.csv, put its tables into the page, draw the plot where networks were trained.

    Raises:
        Refusal: the page has no place for the tables.
    """
    files.write_csv(results, as_table(rows))
    tables = markdown(rows)
    if bars := speeds(rows):
        files.write_text(plot, draw(bars))
        tables += f"\n![Real tokens a second of every loop]({plot.relative_to(page.parent)})\n"
    files.write_text(page, into(page.read_text(encoding="utf-8"), tables, page))


def as_table(rows: Iterable[Row]) -> list[Row]:
    """Return the rows with all columns, numbers to four digits: more would say nothing."""
    return [{name: _short(row.get(name)) for name in COLUMNS} for row in rows]


def with_other_sections(rows: Sequence[Row], results: Path, order: Sequence[str]) -> list[Row]:
    """Return the rows and, of sections that they lack, those in `results`: if this is the same machine.

    `order` is that of the sections.
    """
    kept = _read(results) if results.exists() else []
    if _machine(kept) != _machine(rows):
        kept = []
    measured = {row["section"] for row in rows}
    everything = [*rows, *(row for row in kept if row["section"] not in measured)]
    return sorted(everything, key=lambda row: [MACHINE, *order].index(row["section"]))


def _machine(rows: Iterable[Row]) -> list[object]:
    return [row["ours"] for row in rows if row["section"] == MACHINE and not row["unit"]]


def _read(results: Path) -> list[Row]:
    with open(results, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        # What has no unit is said, not measured, though it may look like a number.
        said = {"ours": row["ours"]} if not row["unit"] else {}
        row |= {name: _value_of(name, text) for name, text in row.items()} | said
    return rows


def _value_of(column: str, text: str) -> object:
    if column in ("section", "case", "metric", "unit"):
        return text
    if column in ("target", "met") or not text:
        return text or None
    try:
        return float(text)
    except ValueError:
        return text


def into(text: str, tables: str, path: Path) -> str:
    """Return the text with the tables between its two marks.

    Raises:
        Refusal: the marks are not there, once each and in their order.
    """
    pattern = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    if (text.count(BEGIN), text.count(END)) != (1, 1) or not pattern.search(text):
        raise Refusal(f"{path} must have {BEGIN} and after it {END}, once each: the tables go between them")
    return pattern.sub(lambda _: f"{BEGIN}\n{tables}{END}", text)


def markdown(rows: Iterable[Row]) -> str:
    """Return a table a section, a line a case, a column a metric; first what it was measured on.

    Networks of each precision have a table of their own.
    """
    sections: dict[str, list[Row]] = {}
    for row in rows:
        precision, _, metric = row["metric"].partition(" ")
        if precision in LOOPS:
            sections.setdefault(f"{row['section']}, {precision}", []).append(row | {"metric": metric})
        else:
            sections.setdefault(row["section"], []).append(row)
    parts = [
        _sentence(section) if name == MACHINE else _table(name, section) for name, section in sections.items()
    ]
    return "\n".join(parts)


def _sentence(rows: Sequence[Row]) -> str:
    return "; ".join(f"{row['metric']} {_value(row['ours'], row['unit'])}" for row in rows) + ".\n"


def _table(name: str, rows: Sequence[Row]) -> str:
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    cases: dict[str, dict[str, Row]] = {}
    for row in rows:
        cases.setdefault(row["case"], {})[row["metric"]] = row
    # What is held against several others is said once, in front of them.
    against = [metric for metric in metrics if metric.startswith("against ")]
    units = {metric: {row["unit"] for row in rows if row["metric"] == metric} for metric in metrics}
    heads = [f"{min(units[against[0]])}"] if against else []
    # A unit that all have stands in the head.
    heads += [
        f"{metric} ({min(units[metric])})"
        if not against and units[metric] != {""} and len(units[metric]) == 1
        else metric
        for metric in metrics
    ]
    lines = [f"**{name}**\n", f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for case, found in cases.items():
        cells = [_value(found[against[0]]["ours"], "")] if against else []
        cells += [
            _cell(found[metric], not against, len(units[metric]) > 1) if metric in found else ""
            for metric in metrics
        ]
        lines.append(f"| {case} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(row: Row, with_value: bool, with_unit: bool) -> str:
    """Return "36,100, **2.40 ×** (2.31 to 2.52), **missed**: >= 2.5"."""
    parts = [_value(row["ours"], row["unit"] if with_unit else "")] if with_value else []
    if row.get("ratio") is not None:
        spread = f" ({row['low']:.2f} to {row['high']:.2f})" if row["low"] != row["high"] else ""
        parts.append(f"**{row['ratio']:.2f} ×**{spread}")
    if row.get("target"):
        parts.append(f"{'met' if row['met'] == 'yes' else '**missed**'}: {row['target']}")
    return ", ".join(parts)


def _value(value: object, unit: str) -> str:
    shown = value if isinstance(value, str) or value is None else _number(value)
    return " ".join(filter(None, (shown, unit)))


def _number(value: float) -> str:
    return f"{float(f'{value:.4g}'):,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _short(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def speeds(rows: Iterable[Row]) -> list[dict]:
    """Return the plot's bars: the tokens a second of every loop of every trained network."""
    bars: dict[tuple[str, str], dict] = {}
    for row in rows:
        if row["section"] != "training" or row["unit"] != "tokens/s":
            continue
        corpus, cell, directions, size = row["case"].split(", ")
        place = {"panel": f"{corpus}, {size}", "network": f"{cell}, {directions}"}
        precision = row["metric"].split()[0]
        for loop, value in ((LOOPS[precision], row["ours"]), (LOOPS.get(row["metric"]), row["other"])):
            if loop is not None:
                bars[row["case"], loop] = place | {"loop": loop, "tokens": round(value)}
    return list(bars.values())


def draw(bars: Sequence[dict]) -> str:
    """Return the plot as SVG, the same bytes for the same bars."""
    loops = [loop for loop in LOOPS.values() if any(bar["loop"] == loop for bar in bars)]
    colours = dict(zip(LOOPS.values(), COLOURS, strict=True))
    chart = {
        "$schema": SCHEMA,
        "data": {"values": list(bars)},
        "facet": {"field": "panel", "type": "nominal", "sort": None},
        "columns": 2,
        "resolve": {"scale": {"x": "independent"}},
        "spec": {
            "width": 330,
            "height": {"step": 9},
            "mark": "bar",
            "encoding": {
                "x": {"field": "tokens", "type": "quantitative", "title": "real tokens a second"},
                "y": {"field": "network", "type": "nominal", "sort": None, "title": None},
                "yOffset": {"field": "loop", "type": "nominal", "sort": loops},
                "color": {
                    "field": "loop",
                    "type": "nominal",
                    "scale": {"domain": loops},
                    "legend": {"orient": "bottom"},
                },
            },
        },
    }
    look = theme.config(theme.LIGHT, {loop: colours[loop] for loop in loops}, theme.PAPER_FONT)
    chart["config"] = look | {"background": "white"}
    return vl_convert.vegalite_to_svg(chart, vl_version=VEGA_LITE)
