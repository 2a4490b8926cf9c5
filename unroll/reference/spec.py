"""What params.yaml says of the reference systems: their presets, and the figures that were published."""

from typing import Annotated, Literal

from pydantic import Field

from unroll.params import Name, Strict

Figure = Literal[
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "validation_macro_recall",
    "validation_macro_f1",
    "validation_perplexity",
]
"""A column of the learning curve."""


class Claim(Strict):
    """A figure that a notebook published; `value` is a proportion where the figure is one."""

    figure: Figure
    value: Annotated[float, Field(ge=0)]
    said: str
    """What the figure means: a few words for the reader."""


class Preset(Strict):
    """The recipe of a notebook, under the name of its network."""

    corpus: Name
    ours: Name | None = None
    """The same network as we train it."""
    published: Claim | None = None


Presets = dict[Name, Preset]


def needed(presets: Presets) -> set[tuple[str, str]]:
    """Return each corpus and network that the table speaks of."""
    return {
        (preset.corpus, network)
        for name, preset in presets.items()
        for network in (name, preset.ours)
        if network is not None
    }
