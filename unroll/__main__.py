"""The command line: python -m unroll COMMAND."""

import gc
import signal
import sys

from unroll.failures import told_plainly
from unroll.params import Params
from unroll.pipeline import warm

if __name__ == "__main__":
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C amid imports would end in their traceback
    if sys.argv[1:2] == ["repro"] and "--help" not in sys.argv:
        with told_plainly():
            Params()  # a file that is no YAML is refused before anything large is loaded
            from unroll import catalogue

            catalogue.load()  # and any other fault before a second process competes for the machine
        warm.prepare()  # loads what stages need while this process surveys what is to be done
    from unroll import command_line

    gc.freeze()  # Python would look through all of torch once more before it ends, for half a second

    signal.signal(signal.SIGINT, interrupted)
    with told_plainly():
        command_line.app()
