"""`python -m operations.shop path.csv`."""

import argparse
import sys
from pathlib import Path

from operations.shop import load

parser = argparse.ArgumentParser(prog="make shop FILE=path.csv", description=load.__doc__)
parser.add_argument("file", type=Path, help="products or customers, as docs/API.md tells")
sys.exit(load.main(parser.parse_args().file))
