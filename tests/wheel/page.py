"""What stands on docs/YOUR-SAGA.md: the files of a stranger, and what they type."""

import re

from tests.repository.sources import ROOT

PAGE = (ROOT / "docs" / "YOUR-SAGA.md").read_text()
FILE = re.compile(
    r"New file `booking/(?P<name>\w+\.py)`(?:(?!```).)*?```python\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
BLOCK = re.compile(
    r"^```sh\n(?P<script>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
FILES = {match["name"]: match["text"] for match in FILE.finditer(PAGE)}
FORTY_LINES = ("commands.py", "saga.py", "services.py")
"""Both halves of a saga, and what they say to each other."""
