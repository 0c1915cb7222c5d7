"""`python -m operations.mcp`."""

import sys

from operations.mcp.command import main

sys.exit(main())
