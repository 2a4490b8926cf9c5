"""What a search found, what it may be worth, and what it cost, for people: reports/search/<name>.md."""

import io
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

from unroll.comparison.scores import in_words, lower_is_better, unit, written
from unroll.comparison.trials import expected_best
from unroll.search.course import Trial, best_of
from unroll.search.space import laid_over, text_of
from unroll.search.spec import Range, Search, Values

SHOWN = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000)
"""How many trials the curve is shown for, beside all of them."""


def markdown(name: str, search: Search, network: dict[str, Any], metric: str, trials: list[Trial]) -> str:
    """Return the report of a search.

    Args:
        network: the lines of params.yaml that the search began with.
        metric: the headline, on validation.
        trials: the network as it stands, then every trial.
    """
    best = best_of(trials, lower_is_better(metric))
    lines = [*_head(name, search, metric), "", *_scores(search, metric, trials[0], best), ""]
    lines += _verdict(metric, trials, best)
    if best is not None:
        lines += ["", *_lines_to_paste(name, network, best)]
    lines += ["", *_space(search, trials[0], best), "", *_budget(search, metric, trials)]
    return "\n".join(lines) + "\n"


def in_a_line(metric: str, trials: list[Trial]) -> str:
    """Return the outcome in one sentence."""
    best = best_of(trials, lower_is_better(metric))
    begun = f"the network as it stands {_mean(metric, trials[0])}"
    if best is None:
        return f"every trial was given up; {begun}"
    return f"validation {in_words(metric)}: trial {best.number} {_mean(metric, best)}, {begun}"


def of_trial(metric: str, trial: Trial) -> str:
    """Return in one line what a trial came to."""
    setting = ", ".join(f"{key} {text_of(value)}" for key, value in trial.setting.items())
    again = "" if trial.same_as is None else f", as trial {trial.same_as}"
    return f"trial {trial.number}: {_mean(metric, trial)}{again} ({setting})"


def _head(name: str, search: Search, metric: str) -> Iterator[str]:
    seeds = ", ".join(map(str, search.seeds))
    yield f"# Search: {name}"
    yield ""
    measure = f"{in_words(metric)}{f' in {unit(metric)}' if unit(metric) else ''}"
    better = ", lower is better" if lower_is_better(metric) else ""
    yield (
        f"`{search.network}` on `{search.corpus}`, by {measure} on the validation split{better}; each trial "
        f"is the mean over the seeds {seeds}. The test split was not read. `{name}.csv` has every trial."
    )


def _scores(search: Search, metric: str, begun: Trial, best: Trial | None) -> Iterator[str]:
    seeds = " | ".join(f"seed {seed}" for seed in search.seeds)
    yield f"| | trial | mean | std over seeds | {seeds} | parameters |"
    yield "|" + "---|" * (len(search.seeds) + 5)
    for what, trial in (("as it stands in params.yaml", begun), ("the best trial", best)):
        if trial is not None:
            std = "" if trial.std is None else written(metric, trial.std)
            scores = ["" if score is None else written(metric, score) for score in trial.scores]
            cells = [what, str(trial.number), _mean(metric, trial), std, *scores, f"{trial.parameters:,}"]
            yield f"| {' | '.join(cells)} |"


def _verdict(metric: str, trials: list[Trial], best: Trial | None) -> Iterator[str]:
    if best is None:
        yield "Every trial was given up: its loss or a gradient was no number."
        return
    begun = trials[0].mean
    if begun is not None and (best.mean - begun) * (-1 if lower_is_better(metric) else 1) <= 0:
        yield "No trial beat the network as it stands."
        return
    yield (
        f"The best of {len(trials) - 1} trials was chosen for these very scores, and is partly luck: with "
        "other seeds expect less of it. What it is worth the test split says, under a name of its own beside "
        "the network as it stands."
    )


def _lines_to_paste(name: str, network: dict[str, Any], best: Trial) -> Iterator[str]:
    yield "## The best setting"
    yield ""
    yield "As an entry of `networks:` in params.yaml:"
    yield ""
    yield "```yaml"
    yield from (f"  {line}" for line in yaml_of({f"{name[:55]}_best": laid_over(network, best.setting)}))
    yield "```"


def yaml_of(document: dict[str, Any]) -> list[str]:
    """Return the lines of a document, without the anchors that it may have been read with."""
    writer = YAML(typ="safe")
    writer.default_flow_style, writer.sort_base_mapping_type_on_output = False, False
    writer.representer.ignore_aliases = lambda value: True
    stream = io.StringIO()
    writer.dump(document, stream)
    return stream.getvalue().splitlines()


def _space(search: Search, begun: Trial, best: Trial | None) -> Iterator[str]:
    yield "## What was tried"
    yield ""
    yield "| key | values | as it stands | the best trial |"
    yield "|---|---|---|---|"
    for key, values in search.space.items():
        found = "" if best is None else _code(best.setting[key])
        yield f"| `{key}` | {_values(values)} | {_code(begun.setting[key])} | {found} |"


def _values(values: Values) -> str:
    if not isinstance(values, Range):
        return ", ".join(map(_code, values))
    step = "" if values.step is None else f" by {values.step}"
    scale = ", on a logarithmic scale" if values.log else ""
    return f"{values.low} to {values.high}{step}{scale}"


def _code(value: Any) -> str:
    return "`" + text_of(value).replace("|", "\\|") + "`"


def _budget(search: Search, metric: str, trials: list[Trial]) -> Iterator[str]:
    drawn = trials[1:]
    means = [trial.mean for trial in drawn]
    scored = [mean for mean in means if mean is not None]
    trained = [trial for trial in trials if trial.same_as is None]
    again, given_up = len(trials) - len(trained), len(means) - len(scored)
    epochs, seconds = sum(trial.epochs for trial in trained), sum(trial.seconds for trial in trained)
    yield "## The budget"
    yield ""
    yield (
        f"{len(drawn)} trials of {len(search.seeds)} seed{'s' * (len(search.seeds) > 1)} each, and the "
        f"network as it stands: {len(trained) * len(search.seeds)} trainings of {epochs:,} epochs together, "
        f"which took {seconds:,.0f} s, added up over processes."
        + (f" {again} trials were networks that had been trained already." if again else "")
        + (f" {given_up} were given up: a loss or a gradient was no number." if given_up else "")
    )
    if not scored:
        return
    worse_first = lower_is_better(metric)
    expected = expected_best(scored, worse_first)
    yield ""
    yield (
        "What n trials find: the best of the first n, in their order; and the mean best of any n of them, "
        "the expected validation score of Dodge et al. 2019, by the unbiased estimator of Tang et al. 2020. "
        "The sampler learns from trial to trial, so that later ones are better than chance."
    )
    yield ""
    yield "| trials | best so far | expected best |"
    yield "|---|---|---|"
    for count in sorted({*(number for number in SHOWN if number < len(means)), len(means)}):
        so_far = [mean for mean in means[:count] if mean is not None]
        best = (min if worse_first else max)(so_far, default=None)
        first = "" if best is None else written(metric, best)
        any_of_them = written(metric, expected[count - 1]) if count <= len(expected) else ""
        yield f"| {count} | {first} | {any_of_them} |"


def _mean(metric: str, trial: Trial) -> str:
    return "given up" if trial.mean is None else written(metric, trial.mean)
