"""Who is held against each other on a corpus: networks, ensembles of them, floors."""


def entered(task: dict) -> list[dict]:
    """Return all of them in the order in which pairs name them."""
    return [*task["networks"], *task["ensembles"], *task["floors"]]


def names_of(task: dict) -> list[str]:
    return [one["name"] for one in entered(task)]


def shares(ensemble: dict) -> str:
    """Return "bilstm 0.43 + bigru 0.57": what each network of an ensemble counts."""
    return " + ".join(f"{name} {weight:.2f}" for name, weight in ensemble["networks"].items())


def about_ensembles(task: dict) -> str:
    """Return how far the figures of ensembles go, or nothing where there are none."""
    if not task["ensembles"]:
        return ""
    return (
        "An ensemble asks all seeds of its networks and weighs these as validation would have it: one "
        "figure, whose interval is of other test rows alone. Its tests take in other seeds of the network "
        "beside it, but none of its own."
    )
