"""How a metric is named, which way it is better, and how its values are written for people."""

METRICS = ("accuracy", "macro_recall", "macro_f1", "loss", "ece")
NEXT_WORD_METRICS = ("perplexity", "loss", "accuracy")
ACRONYMS = {"ece": "ECE", "f1": "F1"}
LOWER_IS_BETTER = frozenset({"loss", "ece", "perplexity"})
DECIMALS = {"loss": 3, "perplexity": 1}
"""Of metrics that are no proportions; all others are, and are written in percent."""


def in_words(metric: str) -> str:
    """Return "validation macro F1" for "validation_macro_f1"."""
    return " ".join(ACRONYMS.get(word, word) for word in metric.split("_"))


def unit(metric: str) -> str:
    return "" if _kind(metric) in DECIMALS else "%"


def lower_is_better(metric: str) -> bool:
    return _kind(metric) in LOWER_IS_BETTER


def written(metric: str, value: float, sign: str = "") -> str:
    """Return the value without its unit; `sign` "+" shows the sign of a gain too."""
    decimals = DECIMALS.get(_kind(metric))
    return f"{100 * value:{sign}.1f}" if decimals is None else f"{value:{sign}.{decimals}f}"


def _kind(metric: str) -> str:
    """A learning curve's column is a metric after the name of its split: train_loss."""
    return metric.rsplit("_", 1)[-1]
