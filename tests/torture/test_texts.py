"""Properties of texts: what cleaning keeps of drawn ones.

In one place, because an example costs 30 ms: `make test` draws a share of them.
"""

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from in_memory import clean
from odd_texts import ODD
from raw_rows import raw

from unroll.text.tokenization import TextRules

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(["", *ODD.values()])
RULES = TextRules(tokenizer="whitespace", max_characters=20)
ANCHORS = [("the first anchor", 0), ("the second anchor", 1)]
"""So that train has a row of each class, whatever is drawn."""


def check(train: list[str], test: list[str]) -> None:
    given_rows = {
        "train": [*ANCHORS, *((text, 0) for text in train)],
        "validation": [("held out", 0)],
        "test": [(text, 1) for text in test],
    }
    found = clean({split: raw(rows) for split, rows in given_rows.items()}, RULES, ("a", "b"), None)
    # Of test all rows stay; of train each first one that has words and stands nowhere else.
    assert list(found.splits["test"]["text"]) == [text[:20] for text in test]
    for split, frame in found.splits.items():
        texts = dict(zip(raw(given_rows[split])["row"], (text for text, _ in given_rows[split]), strict=True))
        assert all(text == texts[row][:20] for row, text in zip(frame["row"], frame["text"], strict=True))
        assert found.profile[split]["shortened"] == sum(len(texts[row]) > 20 for row in frame["row"])
    lost = sum(found.profile["train"]["dropped"].values())
    assert lost + len(found.splits["train"]) == len(given_rows["train"])


def test_every_row_that_stays_has_its_text_to_the_character(tell, times):
    examples = times(1000, 25)
    drawn = given(st.lists(TEXTS, max_size=5), st.lists(TEXTS, min_size=1, max_size=5))
    settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))(drawn(check))()
    tell(
        f"preprocess: {examples} sets of drawn texts, the odd ones above among them",
        "every row that stays has its text to the character, cut behind the last that is read; "
        "every other is counted",
    )
