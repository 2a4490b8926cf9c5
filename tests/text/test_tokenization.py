"""Text -> tokens: what each normaliser and tokenizer does, and what none may do to any text."""

import doctest
from pathlib import Path
from typing import get_args

import pytest
import tiny
from hypothesis import example, given
from hypothesis import strategies as st

from unroll.corpora import trees
from unroll.corpora.trees import ESCAPES, subtrees, tree_label, tree_text, tree_tokens
from unroll.failures import Refusal
from unroll.params import parse
from unroll.text.tokenization import (
    NORMALISERS,
    TextRules,
    make_batch_tokenizer,
    make_tokenizer,
    train_tokenizer,
)

# --- trees ------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs", "Z", "C"], exclude_characters="()\\/*-"), min_size=1)


@st.composite
def drawn_trees(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a random tree in brackets and its leaves."""

    def grow(leaves: list[str]) -> str:
        label = draw(st.integers(0, 4))
        if len(leaves) == 1:
            return f"({label} {leaves[0]})"
        cut = draw(st.integers(1, len(leaves) - 1))
        return f"({label} {grow(leaves[:cut])} {grow(leaves[cut:])})"

    leaves = draw(st.lists(WORDS, min_size=1, max_size=8))
    return grow(leaves), leaves


@given(drawn_trees())
def test_a_trees_tokens_are_its_leaves_from_left_to_right(drawn):
    tree, leaves = drawn
    assert tree_tokens(tree) == leaves
    assert tree_label(tree) == int(tree[1])


@given(drawn_trees())
def test_the_trees_of_a_trees_nodes_are_its_phrases_from_left_to_right(drawn):
    tree, leaves = drawn
    found = subtrees(tree)
    assert found[0] == tree
    assert len(found) == 2 * len(leaves) - 1
    assert [tree_text(node) for node in found if len(tree_tokens(node)) == 1] == leaves
    places = [tree.index(node) for node in found]
    assert len(set(found)) < len(found) or places == sorted(places)
    for node in found:
        assert tree_label(node) == int(node[1])
        assert " ".join(tree_tokens(node)) in " ".join(leaves)


def test_the_treebanks_escapes_are_undone():
    leaves = "".join(f" (2 {escape})" for escape in ESCAPES)
    assert tree_tokens(f"(3{leaves} (2 and\\/or) (2 \\*) (2 l\\*\\*e))") == [
        *["(", ")", "[", "]", "{", "}"],
        "and/or",
        "*",
        "l**e",
    ]


def test_what_only_looks_like_an_escape_stays():
    assert tree_tokens("(2 (2 LRB) (2 -lrb-) (2 --) (2 /))") == ["LRB", "-lrb-", "--", "/"]


def test_a_sentence_stands_in_for_a_tree():
    assert tree_tokens("a  lamp -LRB- lit -RRB- ") == ["a", "lamp", "(", "lit", ")"]


def test_a_tree_and_its_sentence_give_the_same_tokens():
    for row in tiny.rows(20, seed=0, classes=5):
        assert tree_tokens(tiny.tree(row["text"], row["label"])) == row["text"].split()


@pytest.mark.parametrize(
    "tree", ["", "a lamp", "(lamp)", "(2lamp)", "(2 (2 a) (2 lamp)", "(-1 lamp)", " (2 lamp)"]
)
def test_what_is_no_labelled_tree_is_refused(tree):
    with pytest.raises(ValueError, match="not a labelled tree"):
        tree_label(tree)


def test_the_examples_in_the_documentation_hold():
    assert doctest.testmod(trees).attempted > 0
    assert doctest.testmod(trees).failed == 0
    assert doctest.testmod(tiny).failed == 0


# --- normalisers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("html", "salt &amp; pepper &lt;3 &#39;s &quot;", "salt & pepper <3 's \""),
        ("html", "&amp;amp;", "&amp;"),
        ("html", "AT&T & co", "AT&T & co"),
        ("escapes", r"don\u2019t\u002c \ud83d\ude02", "don\u2019t, \U0001f602"),
        ("escapes", r"\ud83d alone, \u20, \n", "\ufffd alone, \\u20, \\n"),
        ("quotes", "\u201cdon\u2019t\u201d \u2018so\u2019", "\"don't\" 'so'"),
        ("emoji", "good\U0001f602\u2764\ufe0f", "good face with tears of joy  red heart "),
        ("emoji", "caf\u00e9 :) \u2122?", "caf\u00e9 :)  trade mark ?"),
        ("hashtags", "#" + 101 * "a" + " #ok", "#" + 101 * "a" + " # ok "),
        ("hashtags", "#ThrowbackThursday! #2016", "# throwback thursday ! # 2016 "),
        ("hashtags", "#\u65e5\u672c # a#b", "# \u65e5\u672c  # a# b "),
        ("users", "@ann and @b_2: hi", "@user and @user: hi"),
        ("users", "a @ b", "a @ b"),
        ("urls", "see https://x.org/a?b=1#c now", "see http now"),
        ("urls", "see www.x.org.", "see http"),
        ("urls", "http: and shttp", "http: and shttp"),
        ("lengthening", "soooooo good!!!!", "sooo good!!!"),
        ("lengthening", "good, see", "good, see"),
        ("lengthening", "hahahaha", "hahahaha"),
    ],
)
def test_a_normaliser_does_what_it_is_named_for(name, before, after):
    assert NORMALISERS[name](before) == after


@pytest.mark.parametrize("name", ["users", "urls", "lengthening"])
@given(st.text(alphabet="ab@_.:/ht wps!", max_size=40))
def test_a_normaliser_has_nothing_left_to_do_after_itself(name, text):
    once = NORMALISERS[name](text)
    assert NORMALISERS[name](once) == once


def test_normalisers_are_applied_in_their_order():
    before = "&#64;ann"
    assert make_tokenizer(TextRules(normalise=("html", "users"), tokenizer="whitespace"))(before) == ["@user"]
    assert make_tokenizer(TextRules(normalise=("users", "html"), tokenizer="whitespace"))(before) == ["@ann"]


BASIC = ["it", "'", "s", "(", "a", ")", "lamp", "lit", "old", "one", ",", "two", "."]

# --- tokenizers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokenizer", "lowercase", "before", "after"),
    [
        ("whitespace", False, " A lamp,\tlit\n", ["A", "lamp,", "lit"]),
        ("whitespace", True, "A Lamp", ["a", "lamp"]),
        ("tree", True, "(3 (2 A) (2 -LRB-) (2 Lamp))", ["a", "(", "lamp"]),
        ("tree", False, "(3 (2 A) (2 Lamp))", ["A", "Lamp"]),
        ("treebank", True, 'It\'s (a) "lamp"!', ["it", "'s", "(", "a", ")", "``", "lamp", "''", "!"]),
        ("treebank", False, "A lamp.", ["A", "lamp", "."]),
        ("tweet", True, "NEAT lamp :D #Lamps @user!", ["neat", "lamp", ":D", "#lamps", "@user", "!"]),
        ("tweet", False, "NEAT lamp", ["NEAT", "lamp"]),
        ("tweet_re2", True, "NEAT lamp :D #Lamps @user!", ["neat", "lamp", ":D", "#lamps", "@user", "!"]),
        ("tweet_re2", False, "NEAT lamp", ["NEAT", "lamp"]),
        ("basic_english", True, 'It\'s (a) LAMP: lit; "old"<br />one, two.', BASIC),
        ("basic_english", True, "so!? A<BR />b-c $1.50", ["so", "!", "?", "a", "b-c", "$1", ".", "50"]),
        ("basic_english", False, "A Lamp.", ["A", "Lamp", "."]),
        ("spacy", True, "It's a lamp, isn't it?", ["it", "'s", "a", "lamp", ",", "is", "n't", "it", "?"]),
        ("spacy", False, "A lamp.", ["A", "lamp", "."]),
    ],
)
def test_a_tokenizer_cuts_where_it_should(tokenizer, lowercase, before, after):
    assert make_tokenizer(TextRules(tokenizer=tokenizer, lowercase=lowercase))(before) == after


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_new_text_is_cut_where_a_treebank_would_cut_it_and_a_cut_one_stays(lowercase):
    rules = TextRules(tokenizer="tree", lowercase=lowercase).of_new_texts
    words = ["a", "lamp", ",", "lit", "-", "not", "broken", ",", "is", "n't", "it", "?"]
    for text in ("a lamp, lit - not broken, isn't it?", " ".join(words)):
        assert make_tokenizer(rules)(text) == words
    others = TextRules(tokenizer="spacy")
    assert others.of_new_texts == others


NAMES = get_args(TextRules.model_fields["tokenizer"].annotation)
LEARNED = ("bpe", "wordpiece")
SEEN = ["the lamp by the window", "a lamp, lit", "one old clock", "it's a very old lamp."]


def rules_of(name: str, **changes: object) -> TextRules:
    return TextRules(tokenizer=name, subwords=60 if name in LEARNED else None, **changes)


def made(rules: TextRules, trees: bool = False):
    return make_tokenizer(rules, trees, train_tokenizer(rules, SEEN))


@pytest.mark.parametrize("name", NAMES)
def test_every_tokenizer_that_can_be_named_in_the_rules_cuts_a_text_it_has_seen(name):
    tokens = made(rules_of(name))("The old lamp")
    assert "".join(tokens).replace("▁", "").replace("##", "") == "theoldlamp"


@pytest.mark.parametrize("name", NAMES)
def test_every_tokenizer_reads_the_words_of_a_tree(name):
    tree = "(3 (2 the) (3 (2 old) (2 lamp)))"
    assert made(rules_of(name), trees=True)(tree) == made(rules_of(name))("the old lamp")


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_pieces_is_asked_of_those_that_learn_pieces_and_of_no_other(name):
    rules = {"tokenizer": name} if name in LEARNED else {"tokenizer": name, "subwords": 60}
    words = "subwords is missing" if name in LEARNED else "subwords is for bpe and wordpiece alone"
    with pytest.raises(Refusal, match=f"corpora.mine.text: {words}"):
        parse(rules, TextRules, "corpora.mine.text", Path("params.yaml"))


@pytest.mark.parametrize("name", LEARNED)
def test_pieces_are_learned_from_what_the_normalisers_make_of_the_texts(name):
    texts = ["@ann @bob @cyd"] * 3
    learned = train_tokenizer(rules_of(name, normalise=("users",)), texts)
    assert "user" in learned and "bob" not in learned
    assert "LAMP" not in train_tokenizer(rules_of(name), ["LAMP LAMP"])
    assert "LAMP" in train_tokenizer(rules_of(name, lowercase=False), ["LAMP LAMP"])


def test_every_normaliser_can_be_named_in_the_rules():
    TextRules(normalise=tuple(NORMALISERS), tokenizer="tweet")


ALL_RULES = [
    rules_of(tokenizer, normalise=normalise, lowercase=lowercase)
    for tokenizer in NAMES
    for lowercase in (False, True)
    for normalise in ((), tuple(NORMALISERS))
]
CUTS = [made(rules) for rules in ALL_RULES]
BATCH_CUTS = [make_batch_tokenizer(rules, trained=train_tokenizer(rules, SEEN)) for rules in ALL_RULES]
# What broke something once, or might: white space of every kind, within brackets, numbers and markup.
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="(2 a)\n\t\r\u2028\x85\x1c\xa0-@#:D.", max_size=40),
    st.lists(
        st.sampled_from(["555", "0100", "+1", "(", ")", "\n", "\t", " ", "-", "<a", ">", "&#9;", ":"])
    ).map("".join),
)


@given(TEXTS)
@example("(2 a\nb)")
@example("(2 \t)")
@example("+1 (555)\n555-0100")
@example("<a\thref>")
@example("\u2028\x85\x1c\xa0\u200b")
@example("İ ŉ ﬁ ß")
def test_no_text_gives_a_token_that_is_empty_or_could_not_be_a_line(text):
    for cut in CUTS:
        for token in cut(text):
            assert token
            assert token == token.strip()
            # Within a token single spaces are the only white space, so that it is one line and one cell.
            assert token.split() == token.split(" ")


@given(st.lists(TEXTS, max_size=5))
def test_a_texts_tokens_do_not_depend_on_the_texts_before_it(texts):
    # spaCy's tokenizer keeps a cache.
    for cut in CUTS:
        assert [cut(text) for text in texts] == [cut(text) for text in reversed(texts)][::-1]


@given(st.lists(TEXTS, max_size=5))
def test_many_texts_at_once_are_cut_as_each_alone(texts):
    for together, cut in zip(BATCH_CUTS, CUTS, strict=True):
        assert together(texts).to_pylist() == [cut(text) for text in texts]


@pytest.mark.parametrize("text", ["", " ", "\n\t\u2028"])
def test_an_empty_text_has_no_tokens(text):
    assert [cut(text) for cut in CUTS] == [[]] * len(CUTS)
