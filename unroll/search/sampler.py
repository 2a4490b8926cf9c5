"""Which setting is tried next: Optuna's tree-structured Parzen estimator (Bergstra et al. 2011, NeurIPS)."""

from importlib import metadata
from typing import Any

from unroll.failures import Refusal
from unroll.search.space import Setting
from unroll.search.spec import Range, Search, Values

PACKAGE = "optuna"
DIGITS = 4
"""Of a number that is drawn from a scale without steps: what is pasted is what was trained."""


def version() -> str:
    """Return Optuna's version, of which the order of the settings is a matter.

    Raises:
        Refusal: it is not installed.
    """
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        raise Refusal(f"a search needs {PACKAGE}: make search NAME=... installs it first") from None


class Sampler:
    """Draws settings from (the search's lines, what the settings before came to) and nothing else.

    So who asks and tells the same again is where it was: that is how a search goes on. The first ten
    settings are random.
    """

    def __init__(self, search: Search, lower_is_better: bool) -> None:
        # Half a second to import, and only searches need it.
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space = search.space
        self.distributions = {key: _distribution(optuna, values) for key, values in search.space.items()}
        # The liar takes settings that are still without a score for bad ones: those that are drawn together
        # keep apart.
        sampler = optuna.samplers.TPESampler(seed=search.seed, constant_liar=True)
        direction = "minimize" if lower_is_better else "maximize"
        self.study = optuna.create_study(direction=direction, sampler=sampler)
        self.given_up = optuna.trial.TrialState.PRUNED

    def ask(self) -> tuple[Any, Setting]:
        """Return a trial, to be told of once it has ended, and its setting."""
        trial = self.study.ask(self.distributions)
        return trial, {key: _value(self.space[key], drawn) for key, drawn in trial.params.items()}

    def tell(self, trial: Any, score: float | None) -> None:
        """Tell what a trial came to; None is worse than any score."""
        if score is None:
            self.study.tell(trial, state=self.given_up)
        else:
            self.study.tell(trial, score)


def _distribution(optuna: Any, values: Values) -> Any:
    if not isinstance(values, Range):
        return optuna.distributions.CategoricalDistribution(tuple(range(len(values))))
    if values.steps is not None:
        return optuna.distributions.IntDistribution(0, values.steps)
    kind = "IntDistribution" if values.whole else "FloatDistribution"
    return getattr(optuna.distributions, kind)(values.low, values.high, log=values.log)


def _value(values: Values, drawn: int | float) -> Any:
    if not isinstance(values, Range):
        return values[drawn]
    if values.steps is not None:
        return values.at(drawn)
    if values.whole:
        return drawn
    return min(max(float(f"{drawn:.{DIGITS}g}"), float(values.low)), float(values.high))
