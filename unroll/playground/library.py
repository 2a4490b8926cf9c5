"""The networks of some corpora, each read from its files when it is first asked for a text."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from unroll import files
from unroll.catalogue import Catalogue
from unroll.evaluation.models import load_model
from unroll.failures import Refusal
from unroll.lexicon.vocabulary import Vocabulary
from unroll.networks.classifier import Classifier
from unroll.playground import trained
from unroll.playground.answer import Answer, answer
from unroll.playground.trained import Trained
from unroll.text.tokenization import make_tokenizer

ROOM = 1024**3
"""Bytes of weights that are kept in memory: a hundred models of 25,000 words in 100 components."""


@dataclass(frozen=True)
class Lexicon:
    """How a corpus reads: texts as tokens, tokens as ids."""

    cut: Callable[[str], list[str]]
    vocabulary: Vocabulary
    sha256: str


class Library:
    """Answers one question after the other, whichever thread asks."""

    def __init__(
        self,
        whole: Catalogue,
        corpora: Sequence[str],
        networks: Sequence[str] | None = None,
        room: int = ROOM,
    ) -> None:
        self.whole, self.corpora, self.networks, self.room = whole, corpora, networks, room
        self._lexicons: dict[str, Lexicon] = {}
        self._models: OrderedDict[tuple[Path, int], Classifier] = OrderedDict()
        self._lock = Lock()

    def survey(self) -> list[Trained]:
        """Return what can be tried now, and what is missing."""
        return list(trained.survey(self.whole, self.corpora, self.networks))

    def shows(self, corpus: str, network: str) -> bool:
        """Tell whether a network on a corpus may be asked for."""
        networks = self.whole.networks if self.networks is None else self.networks
        return corpus in self.corpora and network in networks

    def answer(self, corpus: str, network: str, text: str) -> Answer:
        """Let every seed that is trained read the text.

        Raises:
            Refusal: no seed is trained, or something is damaged.
        """
        [found] = trained.survey(self.whole, [corpus], [network])
        if not found.seeds:
            raise Refusal(found.missing)
        with self._lock:
            lexicon = self._lexicon(corpus)
            models = {seed: self._model(folder, lexicon.sha256) for seed, folder in found.seeds.items()}
            return answer(models, lexicon.vocabulary, lexicon.cut(text))

    @property
    def bytes_kept(self) -> int:
        return sum(map(_size, self._models.values()))

    def _lexicon(self, corpus: str) -> Lexicon:
        if corpus not in self._lexicons:
            pieces = trained.pieces_of(self.whole, corpus)
            learned = None if pieces is None else pieces.read_text(encoding="utf-8")
            cut = make_tokenizer(self.whole.corpora[corpus].text.of_new_texts, trained=learned)
            path = trained.VOCABULARY / corpus / "vocabulary.txt"
            self._lexicons[corpus] = Lexicon(cut, Vocabulary.load(path), files.sha256_of(path))
        return self._lexicons[corpus]

    def _model(self, folder: Path, vocabulary_sha256: str) -> Classifier:
        """Return a model of the files as they are now; those asked for longest ago make room for it."""
        key = (folder, (folder / "model.json").stat().st_mtime_ns)
        if key not in self._models:
            model, _ = load_model(folder, vocabulary_sha256, "cpu")
            while self._models and self.bytes_kept + _size(model) > self.room:
                self._models.popitem(last=False)
            self._models[key] = model
        self._models.move_to_end(key)
        return self._models[key]


def _size(model: Classifier) -> int:
    return sum(weight.nbytes for weight in model.parameters())
