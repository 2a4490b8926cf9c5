"""Text -> tokens: normalisation and tokenisation, chosen per corpus in params.yaml."""

import html
import re
from collections.abc import Callable
from typing import Literal

from unroll.params import Strict
from unroll.trees import tree_tokens

USER = re.compile(r"@\w+")
URL = re.compile(r"(?:https?://|www\.)\S+")
LENGTHENED = re.compile(r"(.)\1{2,}")

NORMALISERS: dict[str, Callable[[str], str]] = {
    "html": html.unescape,
    "users": lambda text: USER.sub("@user", text),
    "urls": lambda text: URL.sub("http", text),
    # Three or more of one character become three, as in nltk's tweet tokenizer.
    "lengthening": lambda text: LENGTHENED.sub(r"\1\1\1", text),
}


class TextRules(Strict):
    """How a corpus turns text into tokens: normalisers in order, then one tokenizer."""

    normalise: tuple[Literal["html", "users", "urls", "lengthening"], ...] = ()
    tokenizer: Literal["tree", "whitespace", "tweet", "spacy"]
    lowercase: bool = True


def make_tokenizer(rules: TextRules) -> Callable[[str], list[str]]:
    """Return the function text -> tokens.

    White space within a token ("555 0100" is one to nltk) becomes one space, at its ends none: a
    token is one line of vocabulary.txt.
    """
    normalisers = [NORMALISERS[name] for name in rules.normalise]
    cut = TOKENIZERS[rules.tokenizer](rules.lowercase)

    def tokenize(text: str) -> list[str]:
        for normalise in normalisers:
            text = normalise(text)
        return [token for raw in cut(text) if (token := " ".join(raw.split()))]

    return tokenize


def _lowered(cut: Callable[[str], list[str]], lowercase: bool) -> Callable[[str], list[str]]:
    return (lambda text: [token.lower() for token in cut(text)]) if lowercase else cut


def _tweet(lowercase: bool) -> Callable[[str], list[str]]:
    from nltk.tokenize import TweetTokenizer

    # nltk lowers everything but emoticons, in which case carries the meaning (":D", "XP").
    return TweetTokenizer(preserve_case=not lowercase).tokenize


def _spacy(lowercase: bool) -> Callable[[str], list[str]]:
    from spacy.lang.en import English

    tokenizer = English().tokenizer
    return _lowered(lambda text: [token.text for token in tokenizer(text)], lowercase)


TOKENIZERS: dict[str, Callable[[bool], Callable[[str], list[str]]]] = {
    "tree": lambda lowercase: _lowered(tree_tokens, lowercase),
    "whitespace": lambda lowercase: _lowered(str.split, lowercase),
    "tweet": _tweet,
    "spacy": _spacy,
}
