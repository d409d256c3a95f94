"""Entry of the `sharpvision` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; a Ctrl-C while modules load ends it as quietly as one later."""
    try:
        from sharpvision.cli.app import app

        app(prog_name="sharpvision")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
