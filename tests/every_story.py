"""What `make verify` leaves out for its time: `EVERY_STORY=1` runs it, too."""

import os

import pytest

only_with_every_story = pytest.mark.skipif(
    not os.environ.get("EVERY_STORY"), reason="EVERY_STORY=1 runs it: it takes a minute"
)
