"""What the page is made of: the house's colours and type, and the list of networks that it asks for."""

from collections.abc import Mapping
from pathlib import Path

from unroll.playground.library import Library
from unroll.playground.trained import Trained, described
from unroll.report.figures import theme

FOLDER = Path(__file__).parent
REPORT = FOLDER.parent / "report"
FONT = (
    "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', "
    "'DejaVu Sans Condensed', sans-serif"
)


def style() -> str:
    """Return the style of reports/index.html, and behind it what only this page needs."""
    light, dark = _properties(theme.LIGHT), _properties(theme.DARK)
    colours = (
        f":root {{ color-scheme: light dark; --font: {FONT}; {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )
    colours += "".join(f".{name} {{ --own: var(--{name}); }}\n" for name in theme.LIGHT if name[0] in "nr")
    parts = (REPORT / "page.css", FOLDER / "page.css")
    return colours + "".join(path.read_text(encoding="utf-8") for path in parts)


def listing(library: Library, longest: int) -> dict:
    """Return every corpus with its networks, what each is, and what of them is missing.

    `longest` is how many characters of a text are taken; a corpus may read fewer.
    """
    whole, found = library.whole, library.survey()
    colours = theme.colour_names(list(dict.fromkeys(one.network for one in found)))
    return {
        "corpora": [
            {
                "name": name,
                "title": whole.corpora[name].title,
                "labels": whole.corpora[name].labels,
                "longest": min(longest, whole.corpora[name].text.max_characters),
                "networks": [
                    _network(one)
                    | {"is": described(whole.networks[one.network])}
                    | {"colour": colours[one.network]}
                    for one in found
                    if one.corpus == name
                ],
            }
            for name in library.corpora
        ]
    }


def _network(one: Trained) -> dict:
    return {"name": one.network, "seeds": list(one.seeds), "missing": one.missing}


def _properties(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
