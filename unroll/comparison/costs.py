"""What a network costs: operations, counted, and what it read in training."""

import numpy as np

from unroll.comparison.results import Result
from unroll.evaluation.cost import Operations


def of_network(one: Result, tokens_of_a_text: float) -> dict:
    """Return its parameters, operations (of a text, of a training) and tokens read, the mean over seeds."""
    read = [
        [sum(epoch[unit] for epoch in one.curves if epoch["seed"] == seed) for seed in one.seeds]
        for unit in ("tokens", "rows")
    ]
    tokens, rows = (float(np.mean(counts)) for counts in read)
    counted = one.report["operations"]
    forward = Operations(counted["token"], counted["row"])
    training = forward.of_training(tokens, rows)
    if before := counted.get("pretraining"):
        passes, pretrained = before["epochs"], Operations(before["token"], before["row"])
        training += pretrained.of_training(passes * before["tokens"], passes * before["rows"])
    return {
        "parameters": one.report["parameters"],
        "operations": {"text": round(forward.of_text(tokens_of_a_text)), "training": round(training)},
        "tokens_trained": tokens,
    }


def together(networks: list[dict], seeds: int) -> dict:
    """Return the parameters and operations of these, of which an ensemble asks each with all its seeds."""
    operations = {
        kind: seeds * sum(one["operations"][kind] for one in networks) for kind in ("text", "training")
    }
    return {"parameters": seeds * sum(one["parameters"] for one in networks), "operations": operations}
