"""Documents of invented comparisons, in the shape that `compare` writes: seeded, so that they repeat."""

import itertools
import math
import random

CELLS = {"bow": "bag", "rnn": "elman", "lstm": "lstm", "gru": "gru"}
NETWORKS = ("bow", "rnn", "lstm", "gru", "birnn", "bilstm", "bigru")
CLASSES = {"films": ["very bad", "bad", "neither", "good", "very good"], "notes": ["cross", "calm", "glad"]}
TITLES = {"films": "invented film reviews, five classes", "notes": "invented short notes"}
PERCENT = ("accuracy", "macro_recall", "macro_f1")
LOWER = ("loss", "ece", "perplexity")
HOSTILE = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'> & \"quoted\" </script>"
SUBJECTS = ("The ferry", "My neighbour's kite", "A second helping", "This tin whistle", "The late bus")
VERBS = ("was never", "turned out", "should have been", "is hardly", "looked almost")
ENDINGS = ("as dull as rain", "worth the walk", "what we hoped for", "too long by half", "a small delight")


def documents(networks: int = 7, seeds: int = 3, next_word: bool = False) -> list[dict]:
    """Two corpora; with more than seven networks some are variants of the seven."""
    names = [*NETWORKS, *(f"{NETWORKS[1 + i % 6]}_{64 * (1 + i // 6)}" for i in range(networks - 7))][
        :networks
    ]
    return [document(corpus, names, seeds, next_word and corpus == "films") for corpus in CLASSES]


def document(corpus: str, names: list[str], seeds: int, next_word: bool = False) -> dict:
    draw = random.Random(f"{corpus} {len(names)} {seeds}")
    mirror = corpus == "notes"
    tasks = [_classification(draw, corpus, names, seeds)]
    if next_word:
        tasks.append(_next_word(draw, seeds))
    return {
        "corpus": corpus,
        "title": TITLES[corpus],
        "source": {
            "repository": f"nobody/{corpus}",
            "revision": "0123abc",
            "from": "mirror" if mirror else "pypi",
            "differences": ["train: 4100 rows where 4000 are expected"] if mirror else [],
            "licence": "CC0",
            "citation": "Nobody 2020, Invented texts",
        },
        "warnings": ["train: 4100 rows where 4000 are expected"] if mirror else [],
        "rows": 1200 if mirror else 800,
        "seeds": list(range(1, seeds + 1)),
        "level": 0.95,
        "resamples": 10000,
        "tasks": tasks,
    }


def with_floor(document: dict, ensemble: bool = False) -> dict:
    """Return the document with a floor amid its classifiers, and an ensemble; the same networks otherwise."""
    classes, *others = document["tasks"]
    headline, networks = classes["headline"], classes["networks"]
    middle = networks[len(networks) // 2]["scores"]
    without = {"seeds": [], "std": None, "low": None, "high": None, "ensemble": None}
    scores = {metric: scores | without for metric, scores in middle.items()}
    floor = {
        "name": "tfidf",
        "system": "TF-IDF and logistic regression",
        "parameters": 1_234_567,
        "operations": {"text": 4321, "training": None},
        "scores": scores,
    }
    both = {
        "name": "both",
        "networks": {
            network["name"]: weight for network, weight in zip(networks, (0.75, 0.25), strict=False)
        },
        "validation": {"weighted": {headline: 0.8}},
        "parameters": 7_654_321,
        "operations": {"text": 8642, "training": 5_432_109},
        "scores": scores,
    }
    ensembles = [both] if ensemble else []
    pairs = _pairs([*networks, *ensembles, floor], [*PERCENT, "loss"])
    for pair in pairs:
        pair["effect"] = None if {"tfidf", "both"} & {pair["a"], pair["b"]} else pair["effect"]
    best = networks[0]["name"]
    said = f"{best} has the best {headline.replace('_', ' ')}, and below the floor are others."
    entered = {"ensembles": ensembles, "floors": [floor], "pairs": pairs, "verdict": said}
    return document | {"tasks": [classes | entered, *others]}


def over_corpora(documents: list[dict], enough: bool = False) -> dict:
    """What `compare` says of all corpora together; `enough` draws the critical difference diagram."""
    names = [network["name"] for network in documents[0]["tasks"][0]["networks"]]
    ranks = {name: 1.0 + 0.8 * i for i, name in enumerate(names)}
    return {
        "headlines": "accuracy of films, macro recall of notes",
        "corpora": len(documents),
        "networks": names,
        "enough": enough,
        "why": "" if enough else "There are 2 corpora; ranks need at least 5 to be compared.",
        "average_ranks": ranks,
        "friedman_p": 0.012 if enough else None,
        "critical_difference": 1.9 if enough else None,
        "cliques": [names[:3], names[2:5]] if enough else [],
    }


def times(documents: list[dict]) -> dict:
    """Measured times as in times.js: corpus, network, seed."""
    return {
        document["corpus"]: {
            network["name"]: {
                str(seed): {"seconds": network["operations"]["training"] / 4e9, "tokens_per_second": 61234.5}
                for seed in document["seeds"]
            }
            for network in document["tasks"][0]["networks"]
        }
        for document in documents
    }


def _text(draw: random.Random) -> str:
    sentences = [
        f"{draw.choice(SUBJECTS)} {draw.choice(VERBS)} {draw.choice(ENDINGS)}"
        for _ in range(draw.randint(1, 3))
    ]
    return ", and ".join(sentences) + "."


def _probabilities(draw: random.Random, classes: int, sharpness: float = 1.5) -> list[float]:
    weights = [math.exp(sharpness * draw.gauss(0, 1)) for _ in range(classes)]
    return [round(weight / sum(weights), 4) for weight in weights]


def _summary(draw: random.Random, mean: float, spread: float, seeds: int, metric: str, group: str) -> dict:
    values = [mean + draw.gauss(0, spread) for _ in range(seeds)]
    mean = sum(values) / seeds
    std = math.sqrt(sum((value - mean) ** 2 for value in values) / (seeds - 1)) if seeds > 1 else None
    half = None if std is None else 2.2 * std / math.sqrt(seeds) + spread / 2
    better = -1 if metric in LOWER else 1
    return {
        "seeds": values,
        "mean": mean,
        "std": std,
        "low": None if half is None else mean - half,
        "high": None if half is None else mean + half,
        "both_low": mean - 2.1 * spread - 0.3 * abs(spread),
        "both_high": mean + 2.1 * spread + 0.3 * abs(spread),
        "ensemble": mean + better * 1.5 * spread,
        "group": group,
    }


def _curves(draw: random.Random, seeds: int, headline: str, best: float, epochs: int) -> list[dict]:
    rows = []
    for seed in range(1, seeds + 1):
        for epoch in range(1, epochs - draw.randint(0, 1) + 1):
            learned = 1 - math.exp(-0.9 * epoch)
            rows.append(
                {
                    "seed": seed,
                    "epoch": epoch,
                    "tokens": 70000,
                    "train_loss": 1.6 - 0.9 * learned - 0.05 * epoch + draw.gauss(0, 0.01),
                    "validation_loss": 1.55 - 0.4 * learned + 0.02 * epoch + draw.gauss(0, 0.02),
                    f"validation_{headline}": best * (0.6 + 0.4 * learned) + draw.gauss(0, 0.006),
                }
            )
    return rows


def _costs(name: str, draw: random.Random) -> dict:
    size = {"bow": 0.02, "rnn": 1, "lstm": 4, "gru": 3}[name.split("_")[0].removeprefix("bi")]
    directions = 2 if name.startswith("bi") else 1
    text = round(800_000 * size * directions * (1 + 0.02 * draw.random()))
    return {
        "parameters": round(800_000 + 20_200 * size * directions),
        "operations": {"text": text, "training": text * 3 * 8000 * 5},
        "tokens_trained": 812345.5,
    }


def _network(name: str, draw: random.Random, headline: str) -> dict:
    plain = name.split("_")[0].removeprefix("bi")
    return {
        "name": name,
        "cell": CELLS[plain],
        "bidirectional": name.startswith("bi"),
        "pooling": "mean" if plain == "bow" else "max",
        "supervision": "sentences",
        "vectors": [],
        **_costs(name, draw),
    }


def _classification(draw: random.Random, corpus: str, names: list[str], seeds: int) -> dict:
    labels = CLASSES[corpus]
    classes, headline = len(labels), "accuracy" if corpus == "films" else "macro_recall"
    top = 0.43 if corpus == "films" else 0.612
    networks = []
    for place, name in enumerate(draw.sample(names, len(names))):
        level = top - (0.004 if corpus == "films" else 0.0022) * place
        group = "a" if place < 2 else "ab" if place < 5 else "b"
        scores = {metric: _summary(draw, level, 0.008, seeds, metric, group) for metric in PERCENT}
        scores["loss"] = _summary(draw, 1.31 + 0.01 * place, 0.02, seeds, "loss", group)
        scores["ece"] = _summary(draw, 0.05 + 0.01 * draw.random(), 0.008, seeds, "ece", "")
        networks.append(
            {
                **_network(name, draw, headline),
                "scores": scores,
                "curves": _curves(draw, seeds, headline, level, 5),
                "best_epochs": [draw.randint(2, 4) for _ in range(seeds)],
                "trials": [level + 0.006 * math.log(n) for n in range(1, seeds + 1)],
                "confusion": _confusion(draw, classes),
                "calibration": _calibration(draw),
                "by_length": _bands(draw, level, [1, 8, 14, 20, 28, 61], 1),
                "by_unknown": _bands(draw, level - 0.01, [0.0, 0.05, 0.1, 0.2, 1.0], 0.0),
            }
        )
    networks.sort(key=lambda network: -network["scores"][headline]["mean"])
    ordered = [network["name"] for network in networks]
    pairs = _pairs(networks, [*PERCENT, "loss"])
    tied = [p["b"] for p in pairs if (p["metric"], p["a"]) == (headline, ordered[0]) and p["p_holm"] >= 0.05]
    told = f"not been told apart from {' and '.join(tied)}" if tied else "been told apart from every other"
    return {
        "task": "classification",
        "headline": headline,
        "metrics": [*PERCENT, "loss", "ece"],
        "tested": [*PERCENT, "loss"],
        "labels": labels,
        "ensembles": [],
        "floors": [],
        "references": [
            {
                "system": "majority class",
                "source": "",
                "scores": {"accuracy": 0.24, "macro_recall": 1 / classes},
            },
            {"system": "tree machine", "source": "Nobody 2019", "scores": {headline: top + 0.02}},
            {"system": "large machine", "source": "Nobody 2020", "scores": {headline: top + 0.09}},
        ],
        "verdict": f"{ordered[0]} has the best {headline.replace('_', ' ')}, "
        f"{100 * networks[0]['scores'][headline]['mean']:.1f} %; it has {told} (95 %).",
        "networks": networks,
        "trials": [top - 0.005 + 0.004 * math.log(n) for n in range(1, len(names) * seeds + 1)],
        "pairs": pairs,
        "power": {
            metric: {"detectable": 0.021, "with_seeds": {"3": 0.021, "5": 0.017, "10": 0.0135, "20": 0.0115}}
            for metric in PERCENT
        },
        **_texts(draw, ordered, labels),
    }


def _next_word(draw: random.Random, seeds: int) -> dict:
    networks = []
    for place, name in enumerate(("gru", "lstm")):
        scores = {"perplexity": _summary(draw, 200.0 + 11 * place, 3.0, seeds, "perplexity", "ab"[place])}
        scores["loss"] = _summary(draw, 5.3 + 0.05 * place, 0.01, seeds, "loss", "ab"[place])
        scores["accuracy"] = _summary(draw, 0.16 - 0.01 * place, 0.002, seeds, "accuracy", "")
        network = _network(name, draw, "perplexity") | {"name": f"{name}_next"}
        networks.append(
            {
                **network,
                "scores": scores,
                "curves": _curves(draw, seeds, "perplexity", 240.0, 4),
                "best_epochs": [4] * seeds,
                "trials": [205.0 - n for n in range(seeds)],
            }
        )
    return {
        "task": "next_word",
        "headline": "perplexity",
        "metrics": ["perplexity", "loss", "accuracy"],
        "tested": ["perplexity", "loss"],
        "labels": [],
        "ensembles": [],
        "floors": [],
        "references": [{"system": "words' frequencies", "source": "", "scores": {"perplexity": 456.0}}],
        "verdict": "gru_next has the best perplexity, 200.0, and was told apart from lstm_next.",
        "networks": networks,
        "trials": [208.0 - n for n in range(2 * seeds)],
        "pairs": _pairs(networks, ["perplexity", "loss"]),
        "power": {
            "perplexity": {"detectable": 4.0, "with_seeds": {"3": 4.0, "5": 3.0, "10": 2.1, "20": 1.6}}
        },
        "hard": [],
        "disagreements": [],
        "texts": {},
    }


def _confusion(draw: random.Random, classes: int) -> list[list[float]]:
    return [
        [40 + 90 * draw.random() if i == j else 50 * draw.random() / (1 + abs(i - j)) for j in range(classes)]
        for i in range(classes)
    ]


def _calibration(draw: random.Random) -> list[dict]:
    centres = [0.25 + 0.1 * i for i in range(8)]
    return [
        {
            "confidence": centre,
            "accuracy": min(1, centre * 0.88 + draw.gauss(0, 0.02)),
            "rows": draw.randint(40, 400),
        }
        for centre in centres
    ]


def _bands(draw: random.Random, level: float, edges: list, step: float) -> list[dict]:
    bands = []
    for place, (start, end) in enumerate(itertools.pairwise(edges)):
        score = level + 0.03 - 0.02 * place + draw.gauss(0, 0.008)
        bands.append(
            {
                "from": start,
                "to": end - step,
                "rows": draw.randint(90, 300),
                "score": score,
                "low": score - 0.03,
                "high": score + 0.03,
            }
        )
    return bands


def _pairs(networks: list[dict], metrics: list[str]) -> list[dict]:
    pairs = []
    for metric in metrics:
        for i, a in enumerate(networks):
            for b in networks[i + 1 :]:
                difference = a["scores"][metric]["mean"] - b["scores"][metric]["mean"]
                width = 2 * abs(a["scores"][metric]["mean"]) * 0.02
                p = math.exp(-((2 * difference / width) ** 2))
                pairs.append(
                    {
                        "metric": metric,
                        "a": a["name"],
                        "b": b["name"],
                        "difference": difference,
                        "low": difference - width,
                        "high": difference + width,
                        "p_rows": p / 2,
                        "p": p,
                        "p_holm": min(1.0, 3 * p),
                        "effect": None if len(a["scores"][metric]["seeds"]) == 1 else 50 * difference / width,
                        "detectable": width,
                    }
                )
    return pairs


def _texts(draw: random.Random, names: list[str], labels: list[str]) -> dict:
    def answered(row: int, text: str) -> dict:
        answers = {name: _probabilities(draw, len(labels)) for name in names}
        return {"row": row, "text": text, "label": draw.randrange(len(labels)), "answers": answers}

    hard = [answered(row, _text(draw)) | {"wrong": 1 - row / 200} for row in range(30)]
    hard[1]["text"] = HOSTILE
    texts = {str(row): answered(row, _text(draw)) for row in range(100, 160)}
    texts["100"]["text"] = HOSTILE
    for text in texts.values():
        del text["row"]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    disagreements = [
        {
            "a": a,
            "b": b,
            "rows": [
                {"row": row, "distance": round(0.9 - 0.05 * place, 2)}
                for place, row in enumerate([100, *draw.sample(range(101, 160), 7)])
            ],
        }
        for a, b in pairs
    ]
    return {"hard": hard, "disagreements": disagreements, "texts": texts}
