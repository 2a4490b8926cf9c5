"""A process with one loop, which `worker.Worker` owns; they speak lines of JSON.

First the loop and its settings come in, then for each slice how much of it is wanted; what came of it
goes out.
"""

import json
import os
import sys

from benchmarks.slices import take
from unroll import environment


def main() -> None:
    orders = (json.loads(line) for line in sys.stdin)
    first = next(orders)
    os.sched_setaffinity(0, {first["core"]})
    environment.pin()
    from benchmarks.loops import LOOPS  # torch comes with it, and must find the environment pinned

    loop = LOOPS[first["loop"]](**first["settings"])
    for order in orders:
        answer = take(loop, order["seconds"], order["units"])
        print(json.dumps(vars(answer)), flush=True)


if __name__ == "__main__":
    main()
