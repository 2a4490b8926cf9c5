"""Time all statistics of one large comparison on one core: every metric, every pair of networks.

    python -m benchmarks.comparison_speed

20 networks x 5 seeds on 12,284 rows of 3 classes, 10,000 resamples, 190 pairs; the answers are drawn.
Measure on a machine that does nothing else. The target is 60 s and 1 GB.
"""

import argparse
import hashlib
import resource
import time
from itertools import combinations

from unroll import environment

environment.pin()  # before numpy is imported

# ruff: noqa: E402
import numpy as np

from unroll import metrics
from unroll.comparison import resampling, significance
from unroll.comparison.statistics import two_level


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, size in {"networks": 20, "seeds": 5, "rows": 12_284, "classes": 3, "resamples": 10_000}.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    sizes = parser.parse_args()
    begun = now()
    probabilities, labels = drawn(sizes.networks, sizes.seeds, sizes.rows, sizes.classes)
    pairs = list(combinations(range(sizes.networks), 2))
    report("made the data", begun)
    begun = started = now()
    resampled = resampling.bootstrap_classes(probabilities, labels, sizes.resamples, 1)
    report("bootstrap", started)
    started = now()
    p_values = resampling.approximate_randomisation(probabilities, labels, pairs, sizes.resamples, 1)
    report("approximate randomisation", started)
    started = now()
    right = probabilities.argmax(axis=3) == labels
    p_values["accuracy"] = np.array([significance.mcnemar_exact(right[a], right[b]) for a, b in pairs])
    report("McNemar", started)
    started = now()
    observed = [[metrics.all_metrics(run, labels) for run in network] for network in probabilities]
    ends = []
    for metric, values_BKS in resampled.items():
        seen = np.array([[scores[metric] for scores in network] for network in observed])
        for a, b in pairs:
            found = two_level(seen[a] - seen[b], values_BKS[:, a] - values_BKS[:, b])
            ends.append((found.low, found.high, found.p_value()))
    report(f"two levels, {len(ends)} times", started)
    report("all of it", begun)
    everything = [np.array(ends), *resampled.values(), *p_values.values()]
    print("sha256", hashlib.sha256(b"".join(array.tobytes() for array in everything)).hexdigest()[:16])


def drawn(networks: int, seeds: int, rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities_KSNC and labels_N; runs agree about as much as real ones, some rows are hard."""
    generator = np.random.default_rng(1)
    labels_N = generator.integers(classes, size=rows)
    shared_NC = generator.normal(size=(rows, classes)) + 1.2 * np.eye(classes)[labels_N]
    own_KSNC = generator.normal(size=(networks, seeds, rows, classes))
    exponents_KSNC = np.exp(shared_NC + 0.7 * own_KSNC)
    return exponents_KSNC / exponents_KSNC.sum(axis=3, keepdims=True), labels_N


def now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def report(what: str, started: tuple[float, float]) -> None:
    wall, busy = (end - start for end, start in zip(now(), started, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:28} {wall:6.1f} s ({busy:5.1f} s of a core)   peak so far {peak:5.0f} MB", flush=True)


if __name__ == "__main__":
    main()
