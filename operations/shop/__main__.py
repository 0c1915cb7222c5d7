"""`python -m operations.shop path.csv`."""

import sys

from operations.shop.command import main

sys.exit(main())
