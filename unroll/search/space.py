"""A network with other settings, and whether every setting of a space makes one that can be trained."""

import copy
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unroll.networks.spec import BagNetwork, Network, RecurrentNetwork
from unroll.params import Faulty, parse, said
from unroll.search.spec import Range, Space, Values
from unroll.training.loop import Training
from unroll.training.rules import of_network

Setting = dict[str, Any]
"""Values by the dotted keys of a network."""
NO_TREES = "the corpus has no trees"


@dataclass(frozen=True)
class Start:
    """What a search begins with; a setting is laid over it."""

    network: dict[str, Any]
    """The network's lines of params.yaml."""
    training: Training
    corpus_training: dict[str, Any]
    has_trees: bool
    """Whether the corpus came with labelled phrases."""

    def at(self, setting: Setting) -> tuple[BagNetwork | RecurrentNetwork, Training]:
        """Return the network of a setting and how it is trained.

        Raises:
            Faulty: the network's lines contradict themselves.
            pydantic.ValidationError: what they say of training does.
        """
        network = parse(laid_over(self.network, setting), Network, "", Path())
        has_trees, own = self.has_trees, network.training
        return network, of_network(self.training, self.corpus_training, own, has_trees=has_trees)

    def faults(self, setting: Setting) -> Iterator[tuple[str, str]]:
        """Yield each dotted key that keeps the setting from being trained beside the others, and why."""
        try:
            network, rules = self.at(setting)
        except Faulty as faulty:
            for fault in faulty.faults:
                key = ".".join(fault.keys)
                yield key, fault.words.removeprefix(f"{key}: ")
            return
        except ValidationError as error:
            for fault in error.errors():
                yield ".".join(map(str, ("training", *fault["loc"]))), said(fault, Training)
            return
        begun = self._network
        if network.embedding.vectors != begun.embedding.vectors:
            yield "embedding.vectors", "they are looked up for a network as it stands: search each by itself"
        if _task(network) != _task(begun):
            yield "task", "scores of two tasks cannot be held against each other"
        if rules.processes != 1:
            yield "training.processes", "a search trains each network by one process"
        if not self.has_trees:
            if rules.supervision == "phrases":
                yield "training.supervision", NO_TREES
            # A network's own would be passed over, and the setting change nothing.
            asked, before = (one.training.get("phrases_first") for one in (network, begun))
            if rules.phrases_first or (asked and asked != before):
                yield "training.phrases_first", NO_TREES

    @cached_property
    def _network(self) -> BagNetwork | RecurrentNetwork:
        return self.at({})[0]


def _task(network: BagNetwork | RecurrentNetwork) -> str:
    return network.task if isinstance(network, RecurrentNetwork) else "classification"


def laid_over(network: Mapping[str, Any], setting: Setting) -> dict[str, Any]:
    """Return a network's lines with other values under dotted keys; mappings that they lack are made."""
    made = copy.deepcopy(dict(network))
    for key, value in setting.items():
        *above, last = key.split(".")
        part = made
        for name in above:
            if not isinstance(part.get(name), dict):
                part[name] = {}
            part = part[name]
        part[last] = value
    return made


def value_at(network: BagNetwork | RecurrentNetwork, training: Training, key: str) -> Any:
    """Return what stands under a dotted key once all defaults are in; None where nothing does."""
    value: Any = network.model_dump(mode="json") | {"training": training.model_dump(mode="json")}
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text_of(value: object) -> str:
    """Return a value as a cell of the table has it: words as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def clashes(space: Space, start: Start) -> Iterator[tuple[str, str]]:
    """Yield each key of a space at fault, and why: no two values of two keys may contradict each other.

    Of numbers the ends stand for all between. What three keys contradict together may show in a trial alone.
    """
    for key, other in itertools.permutations(space, 2):
        if other.startswith(f"{key}."):
            yield other, f"{key} decides it too: leave out one of them"
            return
    told = set()
    for setting in _probes(space):
        for key, why in start.faults(setting):
            own = next((name for name in space if key == name or key.startswith(f"{name}.")), None)
            inner = key.removeprefix(f"{own or ''}").removeprefix(".")
            fault = (own or _culprit(setting, start, (key, why)), f"{inner}: {why}" if inner else why)
            if fault not in told:
                told.add(fault)
                yield fault


def _culprit(setting: Setting, start: Start, fault: tuple[str, str]) -> str:
    """Return the first key of a setting without which there is no such fault, of a key outside of it."""
    for key in setting:
        if fault not in start.faults({name: value for name, value in setting.items() if name != key}):
            return key
    return next(iter(setting))


def _probes(space: Space) -> Iterator[Setting]:
    """Yield settings that show every value by itself, and every pair of two keys' telling values."""
    first = {key: _ends(values)[0] for key, values in space.items()}
    made = set()
    singles = ({key: value} for key, values in space.items() for value in _all(values))
    pairs = (
        {one: value, other: its}
        for one, other in itertools.combinations(space, 2)
        for value, its in itertools.product(_ends(space[one]), _ends(space[other]))
    )
    for changes in itertools.chain(singles, pairs):
        setting = first | changes
        text = json.dumps(setting)
        if text not in made:
            made.add(text)
            yield setting


def _all(values: Values) -> list[Any]:
    return _ends(values) if isinstance(values, Range) else list(values)


def _ends(values: Values) -> list[Any]:
    if isinstance(values, Range):
        ends = [values.low, values.high]
        return ends if values.whole else [float(end) for end in ends]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return [min(values), max(values)] if len(numbers) == len(values) else list(values)
