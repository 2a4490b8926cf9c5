"""What an ensemble made of texts, as people read it, as JSON lines and as columns of a table."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from unroll.prediction.ensemble import Opinions

SHOWN = 60
"""Characters of a text in a line that people read."""


@dataclass(frozen=True)
class Answer:
    text: str
    label: str
    probabilities: dict[str, float]
    """Of each label; those of all seeds in the mean."""
    spread: float | None
    """The standard deviation over seeds of the label's probability; None of one seed."""
    agree: int
    """Seeds that choose this label."""
    seeds: int
    unknown: list[str]
    """Words that the vocabulary lacks."""


def answers(texts: Sequence[str], opinions: Opinions) -> Iterator[Answer]:
    """Yield the answer to each text."""
    together, spread_N = opinions.together, opinions.spread_N
    agree_N, seeds = opinions.agree_N.tolist(), len(opinions.probabilities_SNC)
    for place, (text, label) in enumerate(zip(texts, together.labels, strict=True)):
        yield Answer(
            text=text,
            label=label,
            probabilities={
                name: round(value, 6)
                for name, value in zip(
                    opinions.classes, together.probabilities_NC[place].tolist(), strict=True
                )
            },
            spread=None if spread_N is None else round(float(spread_N[place]), 6),
            agree=agree_N[place],
            seeds=seeds,
            unknown=opinions.unknown[place],
        )


def as_line(answer: Answer) -> str:
    """Return what people read: label, how sure, each label's probability, the text and its unknown words."""
    width = max(map(len, answer.probabilities))
    sure = f"{answer.label:<{width}}  {answer.probabilities[answer.label]:.3f}"
    if answer.spread is not None:
        sure += f" ± {answer.spread:.3f}  {answer.agree} of {answer.seeds} seeds"
    each = ", ".join(f"{label} {value:.3f}" for label, value in answer.probabilities.items())
    unknown = f"  unknown: {', '.join(map(_shown, answer.unknown))}" if answer.unknown else ""
    return f"{sure}  ({each})  {_shown(answer.text)}{unknown}"


def as_object(answer: Answer) -> dict:
    """Return what JSON says."""
    return asdict(answer)


def as_cells(answer: Answer) -> dict[str, object]:
    """Return what a table says, by column; `p_` stands before a label, which may be called like another."""
    each = {f"p_{label}": f"{value:.6f}" for label, value in answer.probabilities.items()}
    spread = "" if answer.spread is None else f"{answer.spread:.6f}"
    return {
        "predicted": answer.label,
        **each,
        "spread": spread,
        "agree": answer.agree,
        "unknown": "; ".join(answer.unknown),
    }


def _shown(text: str) -> str:
    """Return the beginning of a text on one line, what a terminal would obey written out."""
    cut = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in cut)
