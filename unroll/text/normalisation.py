"""What a text is made into before it is cut: each step by its name in params.yaml."""

import html
import re
from collections.abc import Callable
from functools import lru_cache

USER = re.compile(r"@\w+")
URL = re.compile(r"(?:https?://|www\.)\S+")
LENGTHENED = re.compile(r"(.)\1\1+")
ESCAPED = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
HASHTAG = re.compile(r"#(\w{1,100})\b")
"""A longer one is whole, lest it take a second."""
QUOTES = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'}
)


def _unescaped(found: re.Match) -> str:
    """Return the characters of \\u2019 or \\ud83d\\ude02, which some corpora were written with."""
    return bytes.fromhex(found[0].replace("\\u", "")).decode("utf-16-be", "replace")


def _described(text: str) -> str:
    """Return the text with the name of each emoji in its place, of words that may have vectors."""
    if text.isascii():
        return text
    import emoji

    return emoji.replace_emoji(text, lambda sign, data: f" {data['en'].strip(':').replace('_', ' ')} ")


@lru_cache(maxsize=2**16)  # a server meets new ones without end
def _words(hashtag: str) -> str:
    """Return the likeliest words of a hashtag, in lower case (Norvig 2009, Natural language corpus data)."""
    import wordsegment

    if not wordsegment.UNIGRAMS:
        wordsegment.load()
    return " ".join(wordsegment.segment(hashtag)) or hashtag


NORMALISERS: dict[str, Callable[[str], str]] = {
    "escapes": lambda text: ESCAPED.sub(_unescaped, text),
    "html": html.unescape,
    # Those that a typesetter makes become those that a keyboard has, as in most tables of vectors.
    "quotes": lambda text: text.translate(QUOTES),
    "emoji": _described,
    "users": lambda text: USER.sub("@user", text),
    "urls": lambda text: URL.sub("http", text),
    # Three or more of one character become three, as in nltk's tweet tokenizer.
    "lengthening": lambda text: LENGTHENED.sub(r"\1\1\1", text),
    "hashtags": lambda text: HASHTAG.sub(lambda found: f"# {_words(found[1])} ", text),
}
