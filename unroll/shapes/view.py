"""The way of a batch through a network, told twice: as tables in the terminal and as a page."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, StrictUndefined
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from unroll.lexicon.vocabulary import PAD, SPECIAL, UNKNOWN
from unroll.networks.batches import Batch
from unroll.shapes.walk import AXES, Step

PAGE = Path(__file__).with_name("shapes.html.j2")
SHOWN = 5
"""Components of a vector that are shown; next words: the likeliest of them."""
T = TypeVar("T")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Line:
    """Some values of a step, and what they belong to: a word, a class, a part of a vector."""

    label: str
    cells: tuple[str, ...]
    share: float | None = None
    """The value where it is a share of 1."""


@dataclass(frozen=True)
class View:
    """A batch whose shapes are shown, and one text whose values are."""

    network: str
    corpus: str
    origin: str
    """Which weights these are."""
    classes: tuple[str, ...]
    vocabulary: tuple[str, ...]
    batch: Batch
    batch_words: tuple[tuple[str, ...], ...]
    batch_steps: tuple[Step, ...]
    text_name: str
    text_words: tuple[str, ...]
    text_steps: tuple[Step, ...]

    @property
    def parameters(self) -> int:
        return sum(step.parameters for step in self.batch_steps)

    @property
    def legend(self) -> dict[str, str]:
        used = {axis for step in self.batch_steps for axis in step.axes}
        return {axis: meaning for axis, meaning in AXES.items() if axis in used}

    @property
    def rows(self) -> list[tuple[str, tuple[str, ...], int]]:
        """Return each row's label, its words, and how much padding follows them."""
        longest = self.batch.tokens_BL.shape[1]
        labels = [self.classes[label] for label in self.batch.labels_B.tolist()]
        pairs = zip(labels, self.batch_words, strict=True)
        return [(label, words, longest - len(words)) for label, words in pairs]

    @property
    def padding(self) -> str:
        rows, longest = self.batch.tokens_BL.shape
        padded = rows * longest - int(self.batch.lengths_B.sum())
        return f"{rows} x {longest} places, {padded} of them padding: {padded / (rows * longest):.0%}"

    def lines(self, step: Step) -> list[Line]:
        """Return the values of one row's step, most of them cut to the first few."""
        if not step.axes:
            return [Line("", (_number(step.values),))]
        values = step.values[0]
        if step.name == "ids":
            return [Line(word, self._entry(index)) for word, index in self._words(values.tolist())]
        if step.axes == "BLF":
            return []  # its halves have just been shown
        if step.axes == "BC":
            shares = values.tolist() if step.name == "probabilities" else [None] * len(values)
            return [
                Line(label, (_number(value),), share=share)
                for label, value, share in zip(self.classes, values, shares, strict=True)
            ]
        if step.axes == "BL":
            return [Line(word, (_number(value),), share=float(value)) for word, value in self._words(values)]
        if step.axes == "BLV":
            return [self._next_words(word, value_V) for word, value_V in self._words(values)]
        rows = self._words(values) if step.axes.startswith("BL") else [("", values)]
        return [line for label, row in rows for line in _parts(step, label, row)]

    def cut(self, step: Step) -> str:
        """Return how many of its values each line shows, where that is not all."""
        if step.axes[-1:] not in ("E", "H", "F", "V") or step.axes == "BLF":
            return ""
        size, parts = step.values.shape[-1], len(step.parts)
        if size // parts <= SHOWN:
            return ""
        which = "the likeliest" if step.axes == "BLV" else "the first"
        return f"{which} {SHOWN} of {size // parts:,}"

    def _words(self, values: Iterable[T]) -> Iterator[tuple[str, T]]:
        return zip(self.text_words, values, strict=True)

    def _entry(self, index: int) -> tuple[str, ...]:
        if index >= len(self.vocabulary):
            return ("no id, but a pretrained vector of its own",)
        return (f"{index}", f"reads as {SPECIAL[UNKNOWN]}") if index == UNKNOWN else (f"{index}",)

    def _next_words(self, word: str, values_V: Tensor) -> Line:
        top = values_V.topk(min(SHOWN, len(values_V)))
        pairs = zip(top.values, top.indices.tolist(), strict=True)
        cells = tuple(f"{self.vocabulary[index]} {_number(value).strip()}" for value, index in pairs)
        return Line(word, cells)


def _parts(step: Step, label: str, row: Tensor) -> list[Line]:
    return [
        Line(label or part, tuple(_number(value) for value in values[:SHOWN]))
        for part, values in zip(step.parts, row.chunk(len(step.parts)), strict=True)
    ]


def _number(value: Tensor | float) -> str:
    return f"{float(value): .4f}"


def page(view: View) -> str:
    """Return one HTML file that needs no other."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.from_string(PAGE.read_text(encoding="utf-8"))
    # A step of the batch and the same step of the text are told together.
    values = {step.name: view.lines(step) for step in view.text_steps}
    return template.render(view=view, values=values, pad=SPECIAL[PAD], text=" ".join(view.text_words))


def show(view: View, console: Console) -> None:
    """Print the batch, its shapes and the values of the text."""
    console.print(f"[bold]{view.network}[/bold] on {view.corpus}: {view.origin}\n")
    for number, (label, words, padded) in enumerate(view.rows, start=1):
        row = Text.assemble((f"row {number}, {label}:", "bold"), f" {_printable(' '.join(words))} ")
        console.print(row.append(f"{SPECIAL[PAD]} " * padded, style="dim"))
    console.print(f"\n{view.padding}\n{'; '.join(f'{axis}: {name}' for axis, name in view.legend.items())}\n")
    console.print(_shapes(view))
    console.print(_values(view))


def _shapes(view: View) -> Table:
    table = Table(title="the shapes of the batch", title_justify="left", show_footer=True)
    table.add_column("step", footer="together")
    table.add_column("shape", no_wrap=True)
    table.add_column("parameters", justify="right", footer=f"{view.parameters:,}")
    table.add_column("weights", no_wrap=True)
    for step in view.batch_steps:
        weights = "\n".join(
            f"{weight.name} {'x'.join(map(str, weight.shape))}{'' if weight.trained else ', frozen'}"
            for weight in step.weights
        )
        table.add_row(step.name, step.shape, f"{step.parameters:,}" if step.weights else "", weights)
    return table


def _values(view: View) -> Table:
    title = f"the values of {view.text_name}"
    table = Table(title=title, title_justify="left", show_header=False)
    for step in view.text_steps:
        table.add_section()
        meaning = "; ".join(filter(None, (step.meaning, view.cut(step))))
        table.add_row(Text(step.name, style="bold"), Text(meaning, style="dim"))
        for line in view.lines(step):
            table.add_row(Text(f"  {_printable(line.label)}"), Text(_printable("  ".join(line.cells))))
    return table


def _printable(text: str) -> str:
    """Return the text without what would command a terminal."""
    return CONTROL.sub("�", text)
