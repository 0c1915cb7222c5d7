"""`python -m operations.audit`."""

import asyncio
import sys

from config import read_settings
from operations.audit.report import main
from process import leave

try:
    status = asyncio.run(main(read_settings()))
except SystemExit as reason:  # settings that are no good
    print(reason.code, file=sys.stderr)
    status = 2
leave(status)
