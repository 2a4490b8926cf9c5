"""Models as train stages leave them, of first weights: what they answer is worthless, and repeats."""

from pathlib import Path

from runs import RULES

from unroll import files
from unroll.lexicon.vocabulary import Vocabulary
from unroll.networks import checkpoints
from unroll.networks.spec import BagNetwork, RecurrentNetwork
from unroll.training.experiment import Experiment
from unroll.training.loop import Training


def save_seed(
    folder: Path,
    vocabulary: Path,
    network: BagNetwork | RecurrentNetwork,
    seed: int,
    labels: list[str],
    rules: Training = RULES,
) -> Path:
    """Write weights.safetensors and model.json into `folder`, for the words of vocabulary.txt."""
    words = Vocabulary.load(vocabulary)
    model = Experiment(network, rules, "accuracy", len(words), len(labels), seed).model(None, "cpu")
    document = {
        "network": network.model_dump(mode="json"),
        "training": rules.model_dump(mode="json"),
        "seed": seed,
        "labels": labels,
        "vocabulary_sha256": files.sha256_of(vocabulary),
    }
    with files.whole_folder(folder) as made:
        checkpoints.save_model(made, model.state_dict(), document)
    return folder
