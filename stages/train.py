"""One (corpus, network, seed) -> models/<corpus>/<network>/<seed>/, its history and its opinions.

The stage `distil` is the same of a network with a teacher, whose own opinions nobody asks for.
"""

import time
from pathlib import Path

from unroll import environment
from unroll.failures import Refusal
from unroll.stage import as_stage


def main(corpus: str, network_name: str, seed: int) -> None:
    started = time.monotonic()
    environment.pin()
    from unroll.networks.spec import Network
    from unroll.networks.tasks import Headline
    from unroll.params import Params
    from unroll.training import assignment, loop, rules

    params = Params()
    network = params.get(f"networks.{network_name}", Network)
    data = Path("data/vocabulary") / corpus
    asked = assignment.Assignment(
        corpus=corpus,
        network_name=network_name,
        seed=seed,
        network=network,
        training=rules.of_network(
            params.get("training", loop.Training),
            params.get(f"corpora.{corpus}.training", dict),
            network.training,
            has_trees=(data / assignment.PARTS["phrases"]).exists(),
        ),
        labels=params.get(f"corpora.{corpus}.labels", tuple[str, ...]),
        headline=params.get(f"corpora.{corpus}.headline", Headline),
    )
    name = Path(corpus) / network_name / str(seed)
    places = assignment.Places(
        profile=Path("data/environment/training.json"),
        data=data,
        vectors=Path("data/vectors") / corpus / network_name / "training",
        model=Path("models") / name,
        history=Path("reports/history") / f"{name}.csv",
        checkpoints=Path(".unroll/checkpoints"),
        times=Path(".unroll/times") / f"{asked.name}.json",
        tutor=network.tutor and Path("data/lessons") / corpus / network_name,
        teacher=network.teacher and Path("data/ensembles") / corpus / network.teacher,
        opinions=None if network.teacher else Path("data/opinions") / name,
    )
    command = ["-m", "stages.train", corpus, network_name, str(seed)]
    assignment.carry_out(asked, places, command, started)


if __name__ == "__main__":
    with as_stage("corpus", "network", "seed") as (corpus, network, seed):
        if not seed.isdecimal():
            raise Refusal(f"{seed!r} is no seed: give a whole number")
        main(corpus, network, int(seed))
