"""Entry of the `sharpvision` command."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; a Ctrl-C while modules load ends it as quietly as one later."""
    # Torch's threads would turn in a loop for some milliseconds after each operation, on processors that the threads of
    # the kernels want. Read when torch loads, and by the processes that this one starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        from sharpvision.cli.app import app

        app(prog_name="sharpvision")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
