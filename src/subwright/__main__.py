"""`python -m subwright`, and the program `subwright`."""

from __future__ import annotations

import gc
import sys


def run() -> None:
    """Run the command line.

    A short run makes little garbage, and what it holds ends with the process: looking for more of it each time some
    hundred objects were made, and once more at the end, would take a fifth of the time that `--help` needs.
    """
    gc.set_threshold(200_000)
    try:
        from subwright.cli import main

        main(prog_name="subwright")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        gc.freeze()


if __name__ == "__main__":
    run()
