"""The command line: python -m unroll COMMAND."""

import sys

from unroll.failures import told_plainly
from unroll.pipeline import warm

if __name__ == "__main__":
    if sys.argv[1:2] == ["repro"]:
        warm.prepare()  # loads what stages need while this process loads what it needs itself
    from unroll import command_line

    with told_plainly():
        command_line.app()
