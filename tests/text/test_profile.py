"""What is counted of rows does not depend on how they come."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from unroll.text.profile import Profile

ROWS = st.lists(st.tuples(st.binary(max_size=1), st.integers(0, 2), st.integers(0, 9)), max_size=30)


def profiled(rows: list[tuple[bytes, int, int]], size: int) -> dict:
    profile = Profile()
    for start in range(0, len(rows), size):
        keys, labels, lengths = zip(*rows[start : start + size], strict=True)
        profile.add(keys, np.array(labels), np.array(lengths))
    return profile.document(("bad", "so so", "good"))


@given(ROWS, st.integers(1, 7))
def test_rows_in_chunks_count_as_rows_at_once(rows, size):
    assert profiled(rows, size) == profiled(rows, 1000)


def test_all_that_is_counted():
    found = profiled([(b"a", 0, 1), (b"b", 2, 2), (b"a", 2, 1), (b"", 0, 0)], 3)
    assert found == {
        "rows": 4,
        "empty": 1,
        "repeated": 1,
        "shortened": 0,
        "labels": {"bad": 2, "so so": 0, "good": 2},
        "tokens": 4,
        "length": {
            "min": 0.0,
            "median": 1.0,
            "p90": pytest.approx(1.7),
            "p99": pytest.approx(1.97),
            "max": 2.0,
        },
    }


def test_no_rows_at_all_have_lengths_of_nought():
    assert profiled([], 1)["length"]["median"] == 0.0
