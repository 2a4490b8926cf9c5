"""Rows a second and peak memory of preprocess and vocabulary, on tweets that nobody wrote.

    python -m benchmarks.preprocessing --rows 10000 100000

One process against one a core, and the compiled tokenizer against nltk's, pair after pair in turn, so
that what else the machine does falls on both. Memory is the resident set of all processes of a stage
together, at its highest; what forked processes share is counted in each.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks import ROOT, invented_tweets
from benchmarks.measurement import Row, Target, compared, measured
from unroll import files
from unroll.text.tokenization import TextRules, make_batch_tokenizer

CORPUS = "invented"
NORMALISE = ["html", "users", "urls", "lengthening"]
SPLITS = {"validation": 0.02, "test": 0.02, "train": 0.96}
FASTEST = "tweet_re2"
NLTK_ROWS = 100_000
"""What nltk's tokenizer is given at most: it takes 4 minutes of a core for a million."""
TOKENIZER_ROWS = 8192


def rows(
    quick: bool = False, sizes: Iterable[int] = (10_000, 100_000, 1_600_000), repeats: int = 3
) -> Iterable[Row]:
    """Yield a row a figure; a million rows are measured once, for it takes minutes."""
    yield from tokenizers(repeats)
    for size in [1000] if quick else sizes:
        for tokenizer in (FASTEST, "tweet"):
            if tokenizer == FASTEST or size <= NLTK_ROWS:
                with tempfile.TemporaryDirectory() as folder:
                    yield from stages(Path(folder), size, tokenizer, 1 if size > NLTK_ROWS else repeats)


def tokenizers(repeats: int) -> list[Row]:
    """Cut the same texts by nltk and in compiled code, in one process, texts to Arrow's lists."""
    texts = invented_tweets.texts(TOKENIZER_ROWS, seed=1)
    found = []
    for case, normalise in (("tokenizer", ()), ("tokenizer with all normalisers", tuple(NORMALISE))):
        ours, other = (
            make_batch_tokenizer(TextRules(tokenizer=name, normalise=normalise))
            for name in (FASTEST, "tweet")
        )
        pairs = [
            [len(texts) / seconds(lambda cut=cut: cut(texts)) for cut in (ours, other)]
            for _ in range(repeats)
        ]
        target = None if normalise else Target(10)
        found.append(figure(f"{case}: {FASTEST} against nltk", "speed", "rows/s of a core", pairs, target))
    one = make_batch_tokenizer(TextRules(tokenizer=FASTEST))
    each = [[1000 * seconds(lambda: [one([text]) for text in texts[:200]]) / 200] for _ in range(repeats)]
    found.append(figure(f"tokenizer: {FASTEST}, a text alone", "latency", "ms", each))
    return found


def stages(folder: Path, size: int, tokenizer: str, repeats: int) -> list[Row]:
    """Run both stages on `size` rows; preprocess with every core and with one."""
    write_project(folder, size, tokenizer)
    cores = os.sched_getaffinity(0)
    speeds, memory, encoding = [], [], []
    for _ in range(repeats):
        runs = [run("preprocess", folder, chosen) for chosen in (cores, {min(cores)})]
        speeds.append([size / wall for wall, _ in runs])
        memory.append([peak for _, peak in runs])
        encoding.append(run("vocabulary", folder, cores))
    case = f"{size:,} rows, {tokenizer}"
    large = size > NLTK_ROWS
    faster, less = (Target(1.8), Target(1500, at_most=True)) if large else (None, None)
    ours = [one[:1] for one in memory]
    return [
        figure(f"preprocess, {case}: {len(cores)} cores against one", "speed", "rows/s", speeds, faster),
        figure(f"preprocess, {case}, {len(cores)} cores", "peak memory", "MB", ours, less),
        figure(f"vocabulary, {case}", "speed", "rows/s", [[size / wall] for wall, _ in encoding]),
        figure(f"vocabulary, {case}", "peak memory", "MB", [[peak] for _, peak in encoding], less),
    ]


def write_project(folder: Path, size: int, tokenizer: str) -> None:
    corpus = {
        "labels": ["0", "1", "2"],
        "relabel": None,
        "text": {"normalise": NORMALISE, "tokenizer": tokenizer},
        "vocabulary": {"min_count": 2, "max_size": 25_000},
    }
    files.write_json(folder / "params.yaml", {"corpora": {CORPUS: corpus}})  # JSON is YAML
    for seed, (split, share) in enumerate(SPLITS.items()):
        invented_tweets.write_split(folder / f"data/raw/{CORPUS}/{split}.parquet", round(share * size), seed)


def run(stage: str, folder: Path, cores: set[int]) -> tuple[float, float]:
    """Return the seconds and the peak megabytes of a stage on these cores."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}", CORPUS],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(0.02)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, stage)
    return time.monotonic() - started, peak / 1e6


def resident(process: int) -> int:
    """Return the bytes in memory of a process and all that it started; 0 of one that has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        begun = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * resource.getpagesize() + sum(map(resident, map(int, begun)))


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def figure(
    case: str, metric: str, unit: str, repeated: list[list[float]], target: Target | None = None
) -> Row:
    """`repeated` holds ours and, where there is another, the other's, measured right after it."""
    ours, *other = zip(*repeated, strict=True)
    if other:
        return compared("preprocessing", case, metric, unit, ours, other[0], target)
    return measured("preprocessing", case, metric, unit, ours, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_600_000])
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    for row in rows(sizes=chosen.rows, repeats=chosen.repeats):
        other = "" if row["other"] is None else f"against {row['other']:,.4g}, ratio {row['ratio']:.2f} "
        range_ = f"({row['low']:,.4g} to {row['high']:,.4g})"
        print(
            f"{row['case']:70} {row['metric']:12} {row['ours']:,.4g} {row['unit']} {other}{range_}",
            flush=True,
        )


if __name__ == "__main__":
    main()
