"""The comparison's documents -> the rows that DVC's plots draw: learning curves and confusion matrices."""

from unroll.comparison.scores import in_words

CURVE_COLUMNS = ("corpus", "network", "seed", "epoch", "figure", "value")
CONFUSION_COLUMNS = ("corpus", "network", "label", "predicted", "rows", "share")


def curves(documents: list[dict]) -> list[dict]:
    """Return a row a corpus, network, seed, epoch and figure: both losses, and the headline on validation."""
    return [
        {
            "corpus": document["corpus"],
            "network": network["name"],
            "seed": epoch["seed"],
            "epoch": epoch["epoch"],
            "figure": in_words(figure),
            "value": epoch[figure],
        }
        for document in documents
        for task in document["tasks"]
        for network in task["networks"]
        for epoch in network["curves"]
        for figure in ("train_loss", "validation_loss", f"validation_{task['headline']}")
    ]


def confusions(documents: list[dict]) -> list[dict]:
    """Return a row a corpus, network and cell: its rows, the mean over seeds, and their share of the class.

    Next-word networks have no classes, and a class without a test row has no shares.
    """
    return [
        {
            "corpus": document["corpus"],
            "network": network["name"],
            "label": label,
            "predicted": predicted,
            "rows": count,
            "share": count / sum(counts) if sum(counts) else None,
        }
        for document in documents
        for task in document["tasks"]
        if task["labels"]
        for network in task["networks"]
        for label, counts in zip(task["labels"], network["confusion"], strict=True)
        for predicted, count in zip(task["labels"], counts, strict=True)
    ]
