"""Text -> tokens: what each normaliser and tokenizer does, and what none may do to any text."""

import doctest

import pytest
import tiny
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unroll import trees
from unroll.text import NORMALISERS, TOKENIZERS, TextRules, make_tokenizer
from unroll.trees import ESCAPES, tree_label, tree_tokens

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


@settings(deadline=None)
@given(drawn_trees())
def test_a_trees_tokens_are_its_leaves_from_left_to_right(drawn):
    tree, leaves = drawn
    assert tree_tokens(tree) == leaves
    assert tree_label(tree) == int(tree[1])


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
@settings(deadline=None)
@given(st.text(alphabet="ab@_.:/ht wps!", max_size=40))
def test_a_normaliser_has_nothing_left_to_do_after_itself(name, text):
    once = NORMALISERS[name](text)
    assert NORMALISERS[name](once) == once


def test_normalisers_are_applied_in_their_order():
    before = "&#64;ann"
    assert make_tokenizer(TextRules(normalise=("html", "users"), tokenizer="whitespace"))(before) == ["@user"]
    assert make_tokenizer(TextRules(normalise=("users", "html"), tokenizer="whitespace"))(before) == ["@ann"]


# --- tokenizers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokenizer", "lowercase", "before", "after"),
    [
        ("whitespace", False, " A lamp,\tlit\n", ["A", "lamp,", "lit"]),
        ("whitespace", True, "A Lamp", ["a", "lamp"]),
        ("tree", True, "(3 (2 A) (2 -LRB-) (2 Lamp))", ["a", "(", "lamp"]),
        ("tree", False, "(3 (2 A) (2 Lamp))", ["A", "Lamp"]),
        ("tweet", True, "NEAT lamp :D #Lamps @user!", ["neat", "lamp", ":D", "#lamps", "@user", "!"]),
        ("tweet", False, "NEAT lamp", ["NEAT", "lamp"]),
        ("spacy", True, "It's a lamp, isn't it?", ["it", "'s", "a", "lamp", ",", "is", "n't", "it", "?"]),
        ("spacy", False, "A lamp.", ["A", "lamp", "."]),
    ],
)
def test_a_tokenizer_cuts_where_it_should(tokenizer, lowercase, before, after):
    assert make_tokenizer(TextRules(tokenizer=tokenizer, lowercase=lowercase))(before) == after


def test_every_tokenizer_can_be_named_in_the_rules():
    for name in TOKENIZERS:
        assert make_tokenizer(TextRules(tokenizer=name))("lamp") == ["lamp"]
    assert set(TextRules.model_fields["tokenizer"].annotation.__args__) == set(TOKENIZERS)


def test_every_normaliser_can_be_named_in_the_rules():
    TextRules(normalise=tuple(NORMALISERS), tokenizer="tweet")


ALL_RULES = [
    TextRules(normalise=normalise, tokenizer=tokenizer, lowercase=lowercase)
    for tokenizer in TOKENIZERS
    for lowercase in (False, True)
    for normalise in ((), tuple(NORMALISERS))
]
CUTS = [make_tokenizer(rules) for rules in ALL_RULES]
# What broke something once, or might: white space of every kind, within brackets, numbers and markup.
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="(2 a)\n\t\r\u2028\x85\x1c\xa0-@#:D.", max_size=40),
    st.lists(
        st.sampled_from(["555", "0100", "+1", "(", ")", "\n", "\t", " ", "-", "<a", ">", "&#9;", ":"])
    ).map("".join),
)


@settings(deadline=None, max_examples=150)
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


@settings(deadline=None, max_examples=50)
@given(st.lists(TEXTS, max_size=5))
def test_a_texts_tokens_do_not_depend_on_the_texts_before_it(texts):
    # spaCy's tokenizer keeps a cache.
    for cut in CUTS:
        assert [cut(text) for text in texts] == [cut(text) for text in reversed(texts)][::-1]


@pytest.mark.parametrize("text", ["", " ", "\n\t\u2028"])
def test_an_empty_text_has_no_tokens(text):
    assert [cut(text) for cut in CUTS] == [[]] * len(CUTS)
