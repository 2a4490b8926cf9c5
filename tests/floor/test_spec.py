"""What params.yaml may say of the floor."""

import pytest
from shipped import PATH, SHIPPED, refusal_of, with_values

from unroll import catalogue
from unroll.floor.spec import Floor
from unroll.params import parse

FAULTS = {
    "words/0": ([0, 2], "floor.words.0: "),
    "words": ([2, 1], "floor.words: n-grams of 2 to 1: the shorter comes first"),
    "characters": ([2], "floor.characters"),
    "min_count": (0, "floor.min_count: "),
    "inverse_penalty": (0, "floor.inverse_penalty: "),
    "strenth": (1.0, "floor.strenth: this key is not permitted"),
}


def test_what_is_shipped_is_read():
    found = parse(SHIPPED["floor"], Floor, "floor", PATH)
    assert found.words == tuple(SHIPPED["floor"]["words"])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault):
    value, said = FAULTS[fault]
    assert said in refusal_of(with_values({f"floor/{fault.split('/')[0]}": value}))


def test_something_must_be_counted():
    said = refusal_of(with_values({"floor/words": None, "floor/characters": None}))
    assert "floor.words: null, and so is characters" in said
    catalogue.check(with_values({"floor/words": None}), PATH)


def test_a_section_must_be_there():
    document = with_values({})
    del document["floor"]
    assert "floor: Field required" in refusal_of(document)


def test_no_network_takes_the_floors_name():
    said = refusal_of(with_values({"networks/tfidf": SHIPPED["networks"]["bow"]}))
    assert "networks.tfidf: so the floor is called" in said
