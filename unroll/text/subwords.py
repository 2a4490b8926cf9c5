"""Tokenizers that learn their pieces from the training split, through Hugging Face `tokenizers`.

- bpe: byte-pair merges of characters. "▁" begins a word; punctuation stands apart.
- wordpiece: BERT's pieces. "##" continues a word.

What they never saw becomes `<unk>`, as in vocabulary.txt.
"""

import os
from collections.abc import Callable, Iterable, Iterator

UNKNOWN = "<unk>"
CONTINUES = "##"
# One thread a process, as everywhere: unroll/environment.py says why.
ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false"}


def train(kind: str, size: int, texts: Iterable[str]) -> str:
    """Return the JSON of a tokenizer with at most `size` pieces, fewer than that only if texts are few.

    Every character of `texts`, which may be read twice, is a piece, even where there are more of them
    than `size`.
    """
    os.environ.update(ONE_THREAD)
    return TRAINERS[kind](size, Mapped(_spaced, texts)).to_str(pretty=True)


def load(trained: str) -> Callable[[str], list[str]]:
    """Return the function text -> pieces of a tokenizer that `train` made."""
    os.environ.update(ONE_THREAD)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(trained)
    return lambda text: tokenizer.encode(_spaced(text)).tokens


class Mapped:
    """What a function makes of each text; iterating again asks it again, so that none is kept."""

    def __init__(self, function: Callable[[str], str], texts: Iterable[str]) -> None:
        self.function, self.texts = function, texts

    def __iter__(self) -> Iterator[str]:
        return map(self.function, self.texts)


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _byte_pairs(size: int, texts: Iterable[str]):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Punctuation()]
    )
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[UNKNOWN], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _word_pieces(size: int, texts: Iterable[str]):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    words = pre_tokenizers.BertPreTokenizer()
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = words
    # The trainer numbers continued characters in the order of a hash map and breaks ties by number,
    # so that each process learns other pieces (huggingface/tokenizers, issue 1794). What is special
    # is numbered first and in our order.
    inner = {letter for text in texts for word, _ in words.pre_tokenize_str(text) for letter in word[1:]}
    first = [UNKNOWN, *(CONTINUES + letter for letter in sorted(inner))]
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=first, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    # The pieces alone: what is special would be cut out of a text in which it is written.
    plain = Tokenizer(models.WordPiece(tokenizer.get_vocab(), unk_token=UNKNOWN))
    plain.pre_tokenizer = words
    return plain


TRAINERS = {"bpe": _byte_pairs, "wordpiece": _word_pieces}
