"""The answer in words: which network, by how much, how sure. Made from the tests and from nothing else."""

from unroll.comparison.scores import in_words, lower_is_better, unit, written


def told_apart(pair: dict, level: float) -> bool:
    """Whether a pair of a comparison's document differs: the one rule for letters, marks and words."""
    return pair["p_holm"] is not None and pair["p_holm"] < 1 - level


def verdict(task: dict, level: float) -> str:
    """Return a few sentences on one task of a comparison's document, by its headline."""
    said = [_of_networks(task, level)]
    said += [_of_ensemble(task, one, level) for one in task["ensembles"]]
    said += [_of_floor(task, floor, level) for floor in task["floors"]]
    return " ".join(filter(None, said))


def _of_networks(task: dict, level: float) -> str:
    headline, networks = task["headline"], task["networks"]
    best = networks[0]
    name, score = best["name"], _with_unit(headline, best["scores"][headline]["mean"])
    result = f"{in_words(headline)}, {score}{_interval(headline, best, level)}"
    if len(networks) == 1:
        return f"{name} was run alone: {result}."
    others = {network["name"] for network in networks[1:]}
    against = {other: pair for other, pair in _against(task, name).items() if other in others}
    beaten = {other: pair for other, pair in against.items() if told_apart(pair, level)}
    equals = [other for other in against if other not in beaten]
    leads = f"{name} has the {'lowest' if lower_is_better(headline) else 'highest'} {result}"
    if not beaten:
        second = networks[1]["name"]
        return (
            f"No difference shown: {leads}, but its lead over {second}, "
            f"{_difference(headline, against[second])}, is within the noise, and so is its lead over any "
            f"other.{_power(headline, task)}"
        )
    nearest, pair = next(iter(beaten.items()))
    if not equals:
        return f"{leads}. It is better than every other: than {nearest} by {_difference(headline, pair)}."
    than = nearest if len(beaten) == 1 else f"{listed(list(beaten))}: than {nearest}"
    return (
        f"{leads}. It is better than {than} by {_difference(headline, pair)}. "
        f"No difference is shown between it and {listed(equals)}.{_power(headline, task)}"
    )


def _of_ensemble(task: dict, one: dict, level: float) -> str:
    """Hold an ensemble against the best network."""
    headline, best = task["headline"], task["networks"][0]["name"]
    pair = _turned(_against(task, best)[one["name"]])
    gain = _difference(headline, pair)
    has = f"The ensemble {one['name']} has {_with_unit(headline, one['scores'][headline]['mean'])}"
    if not told_apart(pair, level):
        return f"{has}; its distance to {best}, {gain}, is within the noise."
    better = (pair["difference"] < 0) == lower_is_better(headline)
    return f"{has}; it is {'better' if better else 'worse'} than {best}: {gain}."


def _turned(pair: dict) -> dict:
    """Return a pair with the other network first."""
    turned = {"a": pair["b"], "b": pair["a"], "difference": -pair["difference"]}
    return pair | turned | {"low": -pair["high"], "high": -pair["low"]}


def _of_floor(task: dict, floor: dict, level: float) -> str:
    """Say who is below a floor, and where the best network is above it by no more than noise."""
    headline = task["headline"]
    sign = -1 if lower_is_better(headline) else 1
    held = (*task["networks"], *task["ensembles"])
    pairs = {one["name"]: _against(task, one["name"])[floor["name"]] for one in held}
    below = [name for name, pair in pairs.items() if sign * pair["difference"] < 0]
    sentences = []
    best, lead = next(iter(pairs.items()))
    if best not in below and not told_apart(lead, level):
        sentences.append(
            f"The lead of {best} over the floor of {floor['system']}, {_difference(headline, lead)}, is "
            "within the noise."
        )
    if below:
        surely = [name for name in below if told_apart(pairs[name], level)]
        shown = "none" if not surely else "all" if len(surely) == len(below) else listed(surely)
        score = _with_unit(headline, floor["scores"][headline]["mean"])
        sentences.append(
            f"Below the floor of {floor['system']}, {score}: {listed(below)} (told apart: {shown})."
        )
    return " ".join(sentences)


def _against(task: dict, name: str) -> dict[str, dict]:
    """Return the pairs by the headline whose first is this network, by their second."""
    return {
        pair["b"]: pair for pair in task["pairs"] if pair["metric"] == task["headline"] and pair["a"] == name
    }


def _interval(headline: str, network: dict, level: float) -> str:
    scores = network["scores"][headline]
    if scores["both_low"] is None:
        return ""
    ends = f"{written(headline, scores['both_low'])} to {written(headline, scores['both_high'])}"
    return f" ({100 * level:g} % interval over seeds and test rows: {ends})"


def _difference(headline: str, pair: dict) -> str:
    """Return how much better the first network of a pair is, whichever way the metric goes."""
    sign = -1 if lower_is_better(headline) else 1
    low, high = sorted((sign * pair["low"], sign * pair["high"]))
    signs = "+" if low < 0 else ""
    points = " points" if unit(headline) else ""
    p = "p < 0.001" if pair["p_holm"] < 0.001 else f"p = {pair['p_holm']:.2g}"
    return (
        f"{written(headline, sign * pair['difference'])}{points} "
        f"({written(headline, low, signs)} to {written(headline, high, signs)}, {p})"
    )


def _power(headline: str, task: dict) -> str:
    """What the design could have shown: without it, "no difference" would say too much."""
    smallest = task["power"][headline]["detectable"]
    if smallest is None:
        return ""
    points = " points" if unit(headline) else ""
    return (
        f" What this design finds in four cases of five is a difference of {written(headline, smallest)}"
        f"{points} or more."
    )


def _with_unit(headline: str, value: float) -> str:
    return f"{written(headline, value)} {unit(headline)}".rstrip()


def listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
