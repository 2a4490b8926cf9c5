"""A project with models of tiny_rows as training leaves them, though their weights are drawn, and large."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tiny
import torch
from drawn import network
from runs import SHIPPED

from unroll import catalogue, files
from unroll.export.folder import Trained
from unroll.lexicon.vocabulary import Vocabulary, VocabularyRules
from unroll.networks import checkpoints
from unroll.networks.classifier import Classifier, build_model
from unroll.networks.spec import Network
from unroll.prediction.standing import rules_of
from unroll.text.tokenization import TextRules

CORPUS = "tiny_rows"
LABELS = SHIPPED["corpora"]["tweets"]["labels"]
TEXTS = [row["text"] for row in tiny.rows(40, seed=7)]
WORDS = TextRules(tokenizer="whitespace", lowercase=True)
READER = network(cell="gru", bidirectional=True, pooling="max")


def decided(model: Classifier) -> Classifier:
    """Return the model with weights so large that each of them can be seen in its probabilities."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.6)
    return model.eval()


@dataclass(frozen=True)
class Project:
    folder: Path
    vocabulary: Vocabulary

    @classmethod
    def make(cls, folder: Path, seeds: Mapping[int, Network]) -> "Project":
        """Write params.yaml, the encoded splits of tiny_rows, and a model of `gru` for each seed.

        Some words of the held out splits are not in the vocabulary.
        """
        document = tiny.params()
        document["select"] |= {"corpora": [CORPUS, "tiny_trees"], "networks": ["gru"], "seeds": [*seeds]}
        first = next(iter(seeds.values()))
        document["networks"]["gru"] = first.model_dump(mode="json", exclude_unset=True)
        tiny.write_params(folder, document)
        vocabulary = Vocabulary.build([text.split() for text in TEXTS], VocabularyRules(max_size=20))
        made = cls(folder, vocabulary)
        for split, seed in (("validation", 8), ("test", 9)):
            tiny.encoded(made.data / split, tiny.rows(30, seed), vocabulary)
        vocabulary.save(made.data / "vocabulary.txt")
        for seed, spec in seeds.items():
            made.train(seed, spec)
        return made

    @property
    def data(self) -> Path:
        return self.folder / "data/vocabulary" / CORPUS

    def model(self, seed: int) -> Path:
        return self.folder / "models" / CORPUS / "gru" / str(seed)

    def train(self, seed: int, spec: Network) -> None:
        torch.manual_seed(seed)
        model = decided(build_model(spec, len(self.vocabulary), len(LABELS)))
        document = {
            "network": spec.model_dump(mode="json"),
            "training": rules_of(catalogue.load(self.folder / "params.yaml"), CORPUS, "gru").model_dump(
                mode="json"
            ),
            "labels": LABELS,
            "vocabulary_sha256": files.sha256_of(self.data / "vocabulary.txt"),
        }
        self.save(seed, model.state_dict(), document)

    def save(self, seed: int, weights: checkpoints.Tensors, document: dict) -> None:
        with files.whole_folder(self.model(seed)) as folder:
            checkpoints.save_model(folder, weights, document)

    def trained(self, rules: TextRules = WORDS, pieces: Path | None = None) -> Trained:
        """Return all its seeds as an export takes them."""
        seeds = sorted((self.folder / "models" / CORPUS / "gru").iterdir())
        return Trained(
            corpus=CORPUS,
            network="gru",
            seeds={int(folder.name): folder for folder in seeds},
            vocabulary=self.data / "vocabulary.txt",
            rules=rules,
            pieces=pieces,
            split=self.data / "test",
        )
