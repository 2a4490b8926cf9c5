"""Teams of processes that train one network together, as tests start them."""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from runs import experiment

from unroll.networks.spec import BagNetwork, Embedding, RecurrentNetwork
from unroll.training import team
from unroll.training.loop import Fitted, Training
from unroll.training.team import Team

STILL = RecurrentNetwork(cell="gru", hidden=6, bidirectional=True, pooling="max", embedding=Embedding(size=8))
"""Without dropout: nothing that members draw each for themselves."""


def member(rank: int, size: int, folder: Path, work: Callable[[Team], object], end: object) -> None:
    os.environ |= {team.FOLDER: str(folder), "RANK": str(rank), "WORLD_SIZE": str(size)}
    with team.join() as ours:
        found = work(ours)
        if isinstance(found, Fitted):  # tensors would stay behind in this process's memory
            found = replace(found, weights={name: one.numpy() for name, one in found.weights.items()})
        end.send(found)


def together(size: int, folder: Path, work: Callable[[Team], object]) -> list:
    """Return what came of `work` in each member of a team; None of one that ended without."""
    folder.mkdir()
    forked, members = multiprocessing.get_context("fork"), []
    for rank in range(size):
        here, there = forked.Pipe(duplex=False)
        process = forked.Process(target=member, args=(rank, size, folder, work, there))
        process.start()
        there.close()
        members.append((process, here))
    found = []
    for process, here in members:
        try:
            one = here.recv()
        except EOFError:
            one = None
        if isinstance(one, Fitted):
            weights = {name: torch.from_numpy(array) for name, array in one.weights.items()}
            one = replace(one, weights=weights)
        found.append(one)
        process.join()
    return found


def fitted(
    corpus, path: Path, network: BagNetwork | RecurrentNetwork, rules: Training, **given: object
) -> Callable[[Team], Fitted]:
    def work(ours: Team) -> Fitted:
        made = experiment(corpus, network, rules)
        model = made.model(None, "cpu")
        phrases = corpus.validation if rules.phrases_first else None
        return made.run(model, corpus.train, corpus.validation, path, team=ours, phrases=phrases, **given)

    return work
