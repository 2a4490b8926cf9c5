"""The tables at the end of `make repro`."""

import io

from rich.console import Console

from unroll import summary


def report(network: str, scores: list[float], headline: str = "accuracy") -> dict:
    seeds = {str(seed): {headline: score} for seed, score in enumerate(scores, start=1)}
    return {"network": network, "headline": headline, "parameters": 12345, "seeds": seeds}


def shown(*documents: dict) -> list[list[str]]:
    """Return each table's lines: its title, then its rows."""
    found = []
    for table in summary.tables("news", list(documents)):
        output = io.StringIO()
        Console(file=output, width=120).print(table)
        rows = [line for line in output.getvalue().splitlines() if line.startswith("│")]
        found.append(
            [str(table.title), *(" ".join(line.strip("│").replace("│", " ").split()) for line in rows)]
        )
    return found


def test_the_best_network_leads_and_equals_come_by_name():
    [[title, *rows]] = shown(report("rnn", [0.5, 0.5]), report("gru", [0.8, 0.9]), report("bow", [0.5, 0.5]))
    assert title == "news: accuracy on the test split, %"
    assert [row.split()[0] for row in rows] == ["gru", "bow", "rnn"]
    # Mean 0.85, standard deviation 0.05 * sqrt(2), interval 12.706 * 0.05 either way.
    assert rows[0] == "gru 85.0 7.1 21.5 to 148.5 2 12,345"


def test_networks_of_another_headline_have_a_table_of_their_own_and_less_perplexity_leads():
    _, [title, *rows] = shown(
        report("gru", [0.8]), report("large", [99.0], "perplexity"), report("small", [101.26], "perplexity")
    )
    assert title == "news: perplexity on the test split"
    assert rows == ["large 99.0 - - 1 12,345", "small 101.3 - - 1 12,345"]
