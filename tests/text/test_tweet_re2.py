"""The compiled tweet tokenizer: cuts as nltk's but for what it says, and never loses a sign."""

import time

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nltk.tokenize import TweetTokenizer

from unroll.text.tweet_re2 import TOKENS, cut

NLTK = TweetTokenizer(preserve_case=False).tokenize
ALIKE = [
    "NEAT lamp :D, the OLD one :-( was worse xD <3 8) ;P",
    "@Ann_1 see https://example.org/a?b=1#c, www.example.org or example.org/x... (mail a.b@example.co.uk)!",
    "#Lamps #lamp_2 #1 # lamps' well-known don't rock'n'roll 'quoted' o'clock",
    "gr8 b4 covid19 2nd 1,000 3.50 +1 -5 10:30 50% $3 1/2",
    "<b>bold</b> --> <-- ... wait.. no!? ok!!! \u201cyes\u201d \u2014 it\u2019s",
    "\U0001f602\U0001f602 \U0001f44d\U0001f3fd \U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7 \u2764",
    "café naïve добрый день 日本語 हिन्दी",
    "",
    "   ",
    "a",
]


def tokens(*texts: str, lowercase: bool = True) -> list[list[str]]:
    return cut(pa.array(texts, pa.string()), lowercase).to_pylist()


@pytest.mark.parametrize("text", ALIKE)
def test_a_text_is_cut_as_nltk_cuts_it(text):
    assert tokens(text) == [NLTK(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call 555 0100", ["call", "555", "0100"]),
        ("so . . . what", ["so", ".", ".", ".", "what"]),
        ("no.....", ["no", "....."]),
        ("no!!!!", ["no", "!", "!", "!", "!"]),
        ("123456789012", ["123456789012"]),
        ("salt &amp; tea", ["salt", "&", "amp", ";", "tea"]),
    ],
)
def test_what_differs_from_nltk_is_what_the_module_says(text, expected):
    assert tokens(text) == [expected]
    assert NLTK(text) != expected


def test_emoticons_alone_keep_their_case_when_all_else_is_lowered():
    assert tokens("LAMP :D XD D: :P") == [["lamp", ":D", "xd", "D:", ":P"]]
    assert tokens("LAMP :D", lowercase=False) == [["LAMP", ":D"]]


TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="ab1:;)(DP@#.-'/<>3 \t\n\v\x1c\x85\xa0\u2028\u200d\U0001f3fd\u2764", max_size=60),
)


@given(TEXTS)
@example("http://http:// :// @@ ## <<>> \u200d\u200d")
def test_no_sign_is_lost_or_added_but_white_space(text):
    assert "".join(tokens(text, lowercase=False)[0]) == "".join(text.split())


@given(st.lists(TEXTS, max_size=6))
def test_a_text_is_cut_alike_alone_and_among_others(texts):
    together = cut(pa.array(texts, pa.string()), True).to_pylist()
    assert together == [found for text in texts for found in tokens(text)]


@pytest.mark.parametrize("name", TOKENS)
def test_every_kind_of_token_is_needed_by_some_text(name, monkeypatch):
    """A kind that none of the texts above needs would be a line without a test."""
    expression = "|".join(pattern for kind, pattern in TOKENS.items() if kind != name)
    before = tokens(*ALIKE)
    monkeypatch.setattr("unroll.text.tweet_re2.TOKEN", expression)
    assert tokens(*ALIKE) != before


@pytest.mark.parametrize("part", ["a.", "a.b-", "+.", "<a", "@a", "((", "a..", "\U0001f44d\U0001f3fd\u200d"])
def test_no_text_takes_long_however_often_it_almost_matches(part):
    started = time.process_time()
    tokens(part * 2500)
    assert time.process_time() - started < 1
