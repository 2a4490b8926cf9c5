"""Measured values -> rows of results.csv: medians and ranges, and whether a target is met."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

Row = dict[str, object]


@dataclass(frozen=True)
class Target:
    """What a ratio, or a value by itself, has to reach or to stay below."""

    bound: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {self.bound:g}"

    def met_by(self, value: float) -> bool:
        return value <= self.bound if self.at_most else value >= self.bound


def compared(
    section: str,
    case: str,
    metric: str,
    unit: str,
    ours: Sequence[float],
    other: Sequence[float],
    target: Target | None = None,
    provided: bool = True,
) -> Row:
    """Return the row of two things that were measured in pairs, one pair a round.

    `ratio` is the median of the rounds' own ratios, `low` and `high` are the lowest and the highest of
    them: what slows a whole round down cancels out. The target is met by the ratio, `provided` that
    what it is bound to holds too.
    """
    ratios = [ours_one / other_one for ours_one, other_one in zip(ours, other, strict=True)]
    ratio = median(ratios)
    met = None if target is None else target.met_by(ratio) and provided
    return _row(
        section, case, metric, unit, median(ours), median(other), ratio, min(ratios), max(ratios), target, met
    )


def measured(
    section: str,
    case: str,
    metric: str,
    unit: str,
    values: Sequence[float],
    target: Target | None = None,
) -> Row:
    """Return the row of one thing by itself: `ours` is the median, `low` and `high` are of the values."""
    middle = median(values)
    met = None if target is None else target.met_by(middle)
    return _row(section, case, metric, unit, middle, None, None, min(values), max(values), target, met)


def said(section: str, case: str, metric: str, words: str) -> Row:
    """Return a row that holds no measurement but words."""
    return _row(section, case, metric, "", words, None, None, None, None, None, None)


def _row(
    section: str,
    case: str,
    metric: str,
    unit: str,
    ours: object,
    other: float | None,
    ratio: float | None,
    low: float | None,
    high: float | None,
    target: Target | None,
    met: bool | None,
) -> Row:
    return {
        "section": section,
        "case": case,
        "metric": metric,
        "unit": unit,
        "ours": ours,
        "other": other,
        "ratio": ratio,
        "low": low,
        "high": high,
        "target": None if target is None else str(target),
        "met": None if met is None else "yes" if met else "no",
    }
