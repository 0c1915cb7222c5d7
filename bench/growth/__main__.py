"""`python -m bench.growth`: see `bench/growth/command.py`."""

import sys

from bench.growth.command import main

if __name__ == "__main__":
    sys.exit(main())
