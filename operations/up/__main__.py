"""`python -m operations.up [shop day …]`."""

import sys
from pathlib import Path

from operations.up.command import main

sys.exit(main(*map(Path, sys.argv[1:])))
