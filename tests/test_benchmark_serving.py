"""What the load on a served model came to is told in rows: latencies, rate, errors and growth."""

import pytest

from benchmarks import serving
from benchmarks.serving import Load


def load(errors: int = 0, memory: tuple[int, ...] = (100,) * 10) -> Load:
    counted = [(10 * place + 5.0, 1_000_000 * count) for place, count in enumerate(memory)]
    return Load(100.0, [0.001] * 98 + [0.05, 0.1], errors, counted)


def found(rows: list[dict]) -> dict[str, tuple]:
    return {row["metric"]: (row["ours"], row["met"]) for row in rows}


def test_latencies_rate_and_memory_are_those_of_the_load():
    rows = found(serving.of_load("8 at once", load()))
    assert rows["p50"] == (pytest.approx(1.0), None)
    assert 1.0 < rows["p99"][0] <= 100
    assert rows["requests"] == (1.0, None)
    assert rows["memory"] == (100.0, None)
    assert rows["errors"] == (0, "yes")


def test_an_error_misses_the_target():
    assert found(serving.of_load("8 at once", load(errors=1)))["errors"] == (1, "no")


@pytest.mark.parametrize(
    ("memory", "grown", "met"),
    [
        ((100,) * 10, 0.0, "yes"),
        ((50, 100, 100, 100, 100, 100, 100, 100, 100, 100), 0.0, "yes"),  # the start does not count
        ((100, 100, 101, 102, 103, 104, 105, 106, 107, 110), 10.0, "no"),
        ((100, 100, 180, 100, 100, 100, 100, 100, 100, 100), 0.0, "yes"),  # nor does what is given back
    ],
)
def test_a_soak_grows_where_its_end_holds_more_than_its_beginning(memory, grown, met):
    rows = found(serving.of_soak(100, load(memory=memory)))
    assert rows["growth of memory"] == (pytest.approx(grown), met)
