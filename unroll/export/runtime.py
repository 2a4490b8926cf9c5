"""python -m unroll.export.runtime FOLDER TEXT...: what `python -m unroll export` wrote, read without torch.

It needs numpy, onnxruntime, pydantic and ruamel.yaml, and whatever the corpus's tokenizer needs: nltk for
tweet, pyarrow for tweet_re2, spacy, or tokenizers for bpe and wordpiece.

Axes: N texts, B rows in the batch, L steps, C classes.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unroll import files
from unroll.failures import Refusal, told_plainly
from unroll.lexicon.vocabulary import PAD, Vocabulary
from unroll.text.tokenization import TextRules, make_batch_tokenizer, make_tokenizer

if TYPE_CHECKING:
    import onnxruntime

DOCUMENT, MODEL, VOCABULARY, TOKENIZER = "export.json", "model.onnx", "vocabulary.txt", "tokenizer.json"
FILES = {DOCUMENT, MODEL, VOCABULARY, TOKENIZER}
"""All that an exported folder may hold."""
TOKENS = 8192
"""Of a batch, padding counted, unless a single text has more."""
TEXTS = 4096
"""That are read before the first of their answers is printed."""
Row = Sequence[int] | np.ndarray
"""A text as ids."""


@dataclass(frozen=True)
class Runtime:
    """An exported network, the words that it knows, and how texts become words."""

    session: "onnxruntime.InferenceSession"
    vocabulary: Vocabulary
    cut: Callable[[list[str]], list[list[str]]]
    """Texts -> the tokens of each."""
    classes: tuple[str, ...]
    rules: TextRules

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> "Runtime":
        """Read an exported folder, to use so many threads for a batch.

        Raises:
            Refusal: a file is missing or is not the one that was exported, or onnxruntime is not installed.
        """
        try:
            import onnxruntime
        except ImportError:
            raise Refusal("onnxruntime is not installed: pip install onnxruntime") from None
        path = _there(folder / DOCUMENT)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            rules = TextRules.model_validate_json(json.dumps(document["text"]))
            classes = tuple(document["labels"])
            for name in (MODEL, VOCABULARY, *([] if rules.subwords is None else [TOKENIZER])):
                if files.sha256_of(_there(folder / name)) != document["files"][name]:
                    raise Refusal(f"{folder / name} is not the file that was exported: export it again")
        except (KeyError, TypeError, ValueError) as error:
            raise Refusal(f"{path} is damaged: {' '.join(str(error).split())}: export it again") from None
        learned = None if rules.subwords is None else (folder / TOKENIZER).read_text(encoding="utf-8")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return cls(
            onnxruntime.InferenceSession(folder / MODEL, options, providers=["CPUExecutionProvider"]),
            Vocabulary.load(folder / VOCABULARY),
            _cutter(rules, learned),
            classes,
            rules,
        )

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return probabilities_NC of some texts; a word that the vocabulary lacks reads as unknown."""
        return self.probabilities(self.encode(texts))

    def encode(self, texts: Sequence[str]) -> list[Row]:
        """Return the texts as ids."""
        return [self.vocabulary.encode(tokens) for tokens in self.cut(list(texts))]

    def probabilities(self, rows: Sequence[Row]) -> np.ndarray:
        """Return probabilities_NC of texts that are ids already, whatever stands beside each."""
        probabilities_NC = np.empty((len(rows), len(self.classes)), dtype=np.float32)
        for places_B, inputs in _batches(rows):
            probabilities_NC[places_B] = self.session.run(None, inputs)[0]
        return probabilities_NC


def _there(path: Path) -> Path:
    if not path.is_file():
        raise Refusal(f"{path} is missing: name a folder that python -m unroll export wrote")
    return path


def _cutter(rules: TextRules, learned: str | None) -> Callable[[list[str]], list[list[str]]]:
    if rules.tokenizer == "tweet_re2":  # a text alone takes it 1 ms
        cut_all = make_batch_tokenizer(rules)
        return lambda texts: cut_all(texts).to_pylist()
    cut = make_tokenizer(rules.of_new_texts, trained=learned)
    return lambda texts: list(map(cut, texts))


def _batches(rows: Sequence[Row]) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield the places and the padded ids of rows of about one length, the longest first."""
    lengths_N = np.array([len(row) for row in rows], dtype=np.int64)
    order_N = np.argsort(-lengths_N, kind="stable")
    at = 0
    while at < len(order_N):
        longest = lengths_N[order_N[at]]
        places_B = order_N[at : at + max(1, TOKENS // longest)]
        lengths_B = lengths_N[places_B]
        tokens_BL = np.full((len(places_B), longest), PAD, dtype=np.int64)
        tokens_BL[np.arange(longest) < lengths_B[:, np.newaxis]] = np.concatenate(
            [rows[place] for place in places_B]
        )
        yield places_B, {"tokens_BL": tokens_BL, "lengths_B": lengths_B}
        at += len(places_B)


def _given(texts: list[str]) -> Iterator[str]:
    """Yield the texts of the command line or, where there are none, the lines of standard input."""
    if texts:
        for number, text in enumerate(texts, start=1):
            yield _decoded(os.fsencode(text), f"text {number}")
        return
    for number, line in enumerate(sys.stdin.buffer, start=1):
        text = _decoded(line, f"standard input, line {number}")
        yield (text.removeprefix("\ufeff") if number == 1 else text).removesuffix("\n").removesuffix("\r")


def _decoded(content: bytes, place: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(f"{place}, byte {error.start}: not UTF-8: give it as UTF-8") from None


def _as_csv(runtime: Runtime, answers: Iterable[tuple[str, np.ndarray]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["label", *runtime.classes])
    for label, probabilities_C in answers:
        writer.writerow([label, *(f"{probability:.6f}" for probability in probabilities_C)])


def _as_json(runtime: Runtime, answers: Iterable[tuple[str, np.ndarray]]) -> None:
    """Print an object a line."""
    for label, probabilities_C in answers:
        rounded = (round(float(probability), 6) for probability in probabilities_C)
        shares = dict(zip(runtime.classes, rounded, strict=True))
        print(json.dumps({"label": label, "probabilities": shares}, ensure_ascii=False))


FORMATS = {"csv": _as_csv, "json": _as_json}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m unroll.export.runtime")
    parser.add_argument("folder", type=Path, help="that python -m unroll export wrote")
    parser.add_argument("texts", nargs="*", help="by default the lines of standard input")
    parser.add_argument("--format", choices=FORMATS, default="csv", help="json: an object a line")
    asked = parser.parse_args()
    runtime = Runtime.load(asked.folder)
    FORMATS[asked.format](runtime, _answers(runtime, _given(asked.texts)))


def _answers(runtime: Runtime, texts: Iterator[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the label and the probabilities of each text."""
    longest, longer = runtime.rules.max_characters, 0
    while some := list(islice(texts, TEXTS)):
        longer += sum(len(text) > longest for text in some)
        for probabilities_C in runtime.predict(some):
            yield runtime.classes[probabilities_C.argmax()], probabilities_C
    if longer:
        print(f"unroll: of {longer} longer texts the first {longest:,} characters were read", file=sys.stderr)


if __name__ == "__main__":
    with told_plainly():
        main()
