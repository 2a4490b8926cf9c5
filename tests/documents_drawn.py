"""Valid documents of params.yaml, drawn by hypothesis: whatever may stand in one, in small numbers."""

from functools import cache

from hypothesis import strategies as st

NAMES = st.integers(0, 10**6).map("n{}_".format)
SEEDS = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=3, unique=True)
SHARES = st.floats(0, 1, exclude_max=True)
RATES = st.floats(0, 10, exclude_min=True)
SIZES = st.integers(1, 10_000)
DIGESTS = st.integers(0, 2**256 - 1).map("{:064x}".format)
TEXTS = st.text(max_size=3)
COUNTS = st.integers(1, 10**6)
ALL_SPLITS = ("train", "validation", "test")
# Adam has moments of its own, so momentum and nesterov stay as they are, and consistency wants dropout.
OVERRIDES = {
    "epochs": COUNTS,
    "patience": COUNTS,
    "batch_size": COUNTS,
    "batch_tokens": st.none() | COUNTS,
    "processes": st.integers(1, 64),
    "optimizer": st.sampled_from(["adam", "adamw"]),
    "learning_rate": RATES,
    "weight_decay": SHARES,
    "gradient_clip": st.none() | RATES,
    "label_smoothing": SHARES,
    "class_weights": st.sampled_from(["none", "balanced"]),
    "weight_average": SHARES,
}
FLOORS = st.fixed_dictionaries(
    {
        "words": st.sampled_from([[1, 1], [1, 2]]),
        "characters": st.none() | st.just([2, 5]),
        "min_count": st.integers(1, 9),
        "inverse_penalty": st.floats(0.01, 100),
    }
)
TRAINING = {
    "supervision": "sentences",
    "phrases_first": None,
    "epochs": 6,
    "patience": 2,
    "batch_size": 64,
    "batch_tokens": None,
    "batches_per_epoch": None,
    "processes": 1,
    "optimizer": "adam",
    "learning_rate": 0.002,
    "momentum": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warm_up": 0.0,
    "gradient_clip": 1.0,
    "label_smoothing": 0.0,
    "consistency": 0.0,
    "distillation": 0.0,
    "class_weights": "none",
    "weight_average": 0.0,
    "matmul_precision": "highest",
}


@cache
def training() -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries({}, optional=OVERRIDES)


@cache
def networks(vectors: tuple[str, ...]) -> st.SearchStrategy[dict]:
    parts = st.lists(st.sampled_from(["mean", "max"]), min_size=1, max_size=2, unique=True)
    drawn = st.fixed_dictionaries({}, optional={"size": SIZES, "mean": st.floats(-1, 1), "scale": RATES})
    named = st.fixed_dictionaries(
        {"vectors": st.lists(st.sampled_from(vectors or [""]), min_size=1, max_size=1)}
    )
    common = {
        "embedding": drawn | named if vectors else drawn,
        "pooling": parts.map("+".join),
        "training": training(),
        "head": st.sampled_from(["linear", "relu"]),
    }
    recurrent = {
        "hidden": SIZES,
        "layers": st.integers(1, 16),
        "bidirectional": st.booleans(),
        "precision": st.sampled_from(["float32", "bfloat16"]),
        "initial_state": st.sampled_from(["zeros", "learned", "normal"]),
        "dropout": st.fixed_dictionaries(
            {}, optional={"words": SHARES, "recurrent": SHARES, "output": SHARES}
        ),
    }
    return st.one_of(
        st.fixed_dictionaries({"cell": st.just("bag")}, optional=common),
        st.fixed_dictionaries(
            {"cell": st.sampled_from(["elman", "lstm", "gru"])}, optional=common | recurrent
        ),
    )


def splits(of: st.SearchStrategy) -> st.SearchStrategy[dict]:
    return st.tuples(of, of, of).map(lambda drawn: dict(zip(ALL_SPLITS, drawn, strict=True)))


@cache
def sources() -> st.SearchStrategy[dict]:
    hub = {
        "kind": st.just("hub"),
        "dataset": st.just("somebody/something"),
        "revision": DIGESTS,
        "files": splits(TEXTS),
        "rows": splits(COUNTS),
        "label": TEXTS,
        "licence": TEXTS,
        "citation": TEXTS,
    }
    package = {
        "kind": st.just("pypi"),
        "package": NAMES,
        "version": st.just("1.0"),
        "archive_sha256": DIGESTS,
        "archive": TEXTS,
        "file": TEXTS,
        "cutoffs": st.tuples(RATES, RATES).map(list),
        "rows": splits(COUNTS),
        "sha256": splits(DIGESTS),
        "licence": TEXTS,
        "citation": TEXTS,
    }
    own = {
        "kind": st.just("file"),
        "files": st.fixed_dictionaries({"train": st.just("own.csv"), "test": st.just("own.tsv.gz")}),
        "carve": st.fixed_dictionaries({"validation": st.floats(0.01, 0.9)}),
    }
    return st.one_of(
        st.fixed_dictionaries(hub, optional={"sha256": splits(DIGESTS)}),
        st.fixed_dictionaries(package),
        st.fixed_dictionaries(own, optional={"licence": st.none() | TEXTS}),
    )


@cache
def corpora() -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries(
        {
            "title": TEXTS,
            "source": sources(),
            "labels": st.lists(TEXTS, min_size=2, max_size=4, unique=True),
            "relabel": st.none() | st.lists(st.none() | st.integers(0, 1), max_size=4),
            "headline": st.sampled_from(["accuracy", "macro_recall", "macro_f1"]),
            "text": st.fixed_dictionaries(
                {"tokenizer": st.sampled_from(["tweet", "spacy", "whitespace"])},
                optional={"lowercase": st.booleans()},
            ),
            "vocabulary": st.fixed_dictionaries({}, optional={"min_count": COUNTS}),
            "training": training(),
            "published": st.lists(
                st.fixed_dictionaries(
                    {"system": TEXTS, "metric": st.just("loss"), "value": st.floats(0, 1), "source": TEXTS}
                ),
                max_size=1,
            ),
        }
    )


@st.composite
def documents(draw: st.DrawFn) -> dict:
    """Return a document that `catalogue.check` accepts."""
    vectors = draw(st.lists(NAMES, max_size=1))
    named = draw(st.dictionaries(NAMES, networks(tuple(vectors)), min_size=1, max_size=2))
    read = draw(st.dictionaries(NAMES, corpora(), min_size=1, max_size=2))
    subset = st.fixed_dictionaries(
        {
            "corpora": st.lists(st.sampled_from(sorted(read)), min_size=1, max_size=2, unique=True),
            "networks": st.lists(st.sampled_from(sorted(named)), min_size=1, max_size=2, unique=True),
            "seeds": SEEDS,
        },
        optional={"taught": st.just([])},
    )
    rungs = [{"network": name, "adds": "something"} for name in sorted(named)]
    rungs += [{"ensemble": f"{name}_together", "adds": "seeds"} for name in sorted(named)]
    ladder = {"corpora": sorted(read), "rungs": rungs}
    return {
        "select": draw(subset),
        "suites": draw(st.dictionaries(NAMES, subset | subset.map(lambda part: [part]), max_size=2)),
        "reference": draw(
            st.dictionaries(
                st.sampled_from(sorted(named)),
                st.fixed_dictionaries({"corpus": st.sampled_from(sorted(read))}),
                max_size=1,
            )
        ),
        "ladder": [ladder] if len(rungs) > 1 and draw(st.booleans()) else [],
        "comparison": {
            "resamples": draw(st.integers(100, 10**6)),
            "seed": 1,
            "level": draw(st.floats(0.5, 1, exclude_min=True, exclude_max=True)),
        },
        "floor": draw(FLOORS),
        "device": draw(st.sampled_from(["auto", "cpu", "cuda"])),
        "machine": {"runs_per_gpu": draw(st.integers(1, 64))},
        "training": TRAINING,
        "networks": named,
        "ensembles": {f"{name}_together": {"networks": [name]} for name in named},
        "corpora": read,
        "vectors": {name: {"kind": "file", "path": "own.txt", "format": "glove"} for name in vectors},
    }


def places(document: object) -> list[tuple]:
    """Return the keys that lead to each value but the document itself, in its order."""
    if isinstance(document, dict):
        items = list(document.items())
    else:
        items = list(enumerate(document)) if isinstance(document, list) else []
    return [
        place for key, value in items for place in [(key,), *((key, *deeper) for deeper in places(value))]
    ]
