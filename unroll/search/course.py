"""The course of a search: ask for settings, train them, tell what they came to; trial after trial.

What an earlier process has found is told as if it had been trained now. So the course is one and the
same, however often it was stopped.
"""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from unroll.failures import Refusal
from unroll.networks.spec import BagNetwork, RecurrentNetwork
from unroll.search.space import Setting, Start, text_of, value_at
from unroll.search.spec import Search
from unroll.search.trainer import Job, Trained, description
from unroll.training.loop import Training

Train = Callable[[list[Job]], Iterable[Trained]]
"""Gives what came of each job, in their order."""


class Asked(Protocol):
    """Who draws settings."""

    def ask(self) -> tuple[Any, Setting]: ...

    def tell(self, trial: Any, score: float | None) -> None: ...


@dataclass(frozen=True)
class Trial:
    """One setting, and what came of it."""

    number: int
    """0 is the network as it stands, which is no trial of the sampler's."""
    setting: Setting
    scores: tuple[float | None, ...]
    """On validation, a seed each; None where a loss or a gradient was no number."""
    epochs: int
    """Over all seeds."""
    parameters: int
    same_as: int | None = None
    """The trial that had the very same network, which was not trained again."""
    seconds: float = 0.0
    """Of training, over all seeds; not part of what repeats."""

    @property
    def mean(self) -> float | None:
        """Over the seeds; None where one of them came to nothing: then the trial is given up."""
        return None if None in self.scores else statistics.fmean(self.scores)

    @property
    def std(self) -> float | None:
        """Over the seeds, of which it takes two."""
        return None if self.mean is None or len(self.scores) < 2 else statistics.stdev(self.scores)


Known = Callable[[int, Setting], Trial | None]
"""Gives the trial of this number if an earlier process has brought it to its end."""


class Course:
    """A search on its way; `trials` are all that have ended, the network as it stands before them."""

    def __init__(
        self,
        name: str,
        search: Search,
        start: Start,
        known: Known,
        train: Train,
        ended: Callable[[list[Trial]], None],
    ) -> None:
        """`ended` hears of all trials after each that was trained."""
        self.name, self.search, self.start = name, search, start
        self.known, self.train, self.ended = known, train, ended
        self.trials: list[Trial] = []
        self.first_with: dict[str, int] = {}
        """The first trial of each network there has been."""

    def run(self, sampler: Asked) -> list[Trial]:
        """Return the network as it stands, and every trial.

        Trials that are drawn together are told together, after all of them: how many train at once
        decides nothing.
        """
        begun = self.start.at({})
        self._settle({0: {key: value_at(*begun, key) for key in self.search.space}})
        for first in range(1, self.search.trials + 1, self.search.at_once):
            numbers = range(first, min(first + self.search.at_once, self.search.trials + 1))
            asked = {number: sampler.ask() for number in numbers}
            self._settle({number: setting for number, (_, setting) in asked.items()})
            for number, (trial, _) in asked.items():
                sampler.tell(trial, self.trials[number].mean)
        return self.trials

    def _settle(self, drawn: dict[int, Setting]) -> None:
        """Bring the trials of these numbers and settings to their end."""
        found = {number: self.known(number, setting) for number, setting in drawn.items()}
        jobs: list[Job] = []
        same_as: dict[int, int] = {}
        for number, setting in drawn.items():
            network, training = self._made(number, setting)
            same_as[number] = self.first_with.setdefault(description(network, training), number)
            if found[number] is None and same_as[number] == number:
                stems = {seed: f"search-{self.name}-{number}-{seed}" for seed in self.search.seeds}
                jobs += [Job(stem, network, training, seed) for seed, stem in stems.items()]
        results = iter(self.train(jobs))
        for number, setting in drawn.items():
            if trial := found[number]:
                self.trials.append(trial)
                continue
            first = same_as[number]
            if first < number:
                told = {"number": number, "setting": setting, "same_as": first, "seconds": 0.0}
                trial = replace(self.trials[first], **told)
            else:
                trial = _trial(number, setting, [next(results) for _ in self.search.seeds])
            self.trials.append(trial)
            self.ended(self.trials)

    def _made(self, number: int, setting: Setting) -> tuple[BagNetwork | RecurrentNetwork, Training]:
        laid = setting if number else {}
        for key, why in self.start.faults(laid):
            drawn = ", ".join(f"{name} {text_of(value)}" for name, value in laid.items())
            raise Refusal(
                f"params.yaml: searches.{self.name}.space: trial {number} draws what cannot be trained, "
                f"{key}: {why} ({drawn}): leave out one of these values"
            )
        return self.start.at(laid)


def _trial(number: int, setting: Setting, trained: list[Trained]) -> Trial:
    return Trial(
        number,
        setting,
        scores=tuple(one.score for one in trained),
        epochs=sum(one.epochs for one in trained),
        parameters=trained[0].parameters,
        seconds=math.fsum(one.seconds for one in trained),
    )


def best_of(trials: list[Trial], lower_is_better: bool) -> Trial | None:
    """Return the best trial of the sampler's, the first among equals; None where all were given up."""
    scored = [trial for trial in trials if trial.number and trial.mean is not None]
    sign = -1 if lower_is_better else 1
    return max(scored, key=lambda trial: sign * trial.mean, default=None)
