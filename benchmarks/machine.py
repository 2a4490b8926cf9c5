"""What a run was measured on, in rows: processor, cores, versions and the limit of a core."""

import os
import platform
from collections.abc import Iterable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from benchmarks.measurement import Row, measured, said
from benchmarks.worker import Worker, rounds

SECTION = "machine"
PACKAGES = ("torch", "numpy", "dvc", "mlflow")
DTYPES = ("float32", "bfloat16")


def rows(count: int, seconds: float) -> Iterable[Row]:
    """Yield the rows; the limits are measured in `count` rounds of so many seconds each."""
    yield said(SECTION, "", "processor", processor())
    yield said(SECTION, "", "cores", str(len(os.sched_getaffinity(0))))
    yield said(SECTION, "", "Python", platform.python_version())
    for package in PACKAGES:
        yield said(SECTION, "", package, version(package))
    with ExitStack() as held:
        rates = rounds(limits(held), count, seconds)
    for dtype in DTYPES:
        found = [rate / 1e9 for rate in rates[limit(dtype)]]
        yield measured(SECTION, "", f"limit of a core in {dtype}", "GFLOP/s", found)


def limits(held: ExitStack) -> dict[str, Worker]:
    """Return workers that multiply matrices as fast as this machine can; `held` ends them."""
    return {limit(dtype): held.enter_context(Worker("products", {"dtype": dtype})) for dtype in DTYPES}


def limit(dtype: str) -> str:
    return f"limit {dtype}"


def processor(information: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name."""
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
