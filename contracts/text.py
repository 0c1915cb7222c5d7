"""Text that others write: what of it is accepted, and how the rest is shown without harm.

Some signs are not seen but act: they clear a terminal, begin a line of a log, turn the direction of
a page, or make two names look the same. The table of them is fixed here, and not asked of Python's
Unicode tables: a saga must read a message the same on every Python. A test holds the two together.
"""

import re
import unicodedata
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

UNSEEN = (
    # controls, but for the tab and the ends of lines
    *((0x00, 0x08), (0x0B, 0x0C), (0x0E, 0x1F), (0x7F, 0x9F)),
    # format characters, and what is reserved for them: directions, invisible blanks, tags, …
    *((0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F)),
    *((0x890, 0x891), (0x8E2, 0x8E2), (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F)),
    *((0x2028, 0x202E), (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFF0, 0xFFFB)),
    *((0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3)),
    *((0x1D173, 0x1D17A), (0xE0000, 0xE00FF), (0xE01F0, 0xE0FFF)),
    # letters without a form
    *((0x115F, 0x1160), (0x3164, 0x3164), (0xFFA0, 0xFFA0)),
    # private use, which everybody sees otherwise, and what is no character
    *((0xE000, 0xF8FF), (0xF0000, 0x10FFFF), (0xFDD0, 0xFDEF)),
    *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0, 0xF0000, 0x10000)),
)
"""The first and the last of the signs that are never taken."""

JOINED = (
    *((0x620, 0x65F), (0x66E, 0x6DC), (0x6DF, 0x6FF), (0x712, 0x85F), (0x8A0, 0x8E1)),
    *((0x8E3, 0x109F), (0x1780, 0x18AF), (0xFB50, 0xFDCF), (0xFE70, 0xFEFC)),
)
"""Scripts, from Arabic to Mongolian, in which a joiner changes how the letter before it looks."""

EMOJI = ((0x2190, 0x2BFF), (0xFE0F, 0xFE0F), (0x1F000, 0x1FAFF))
"""Between these, U+200D makes one emoji of two. U+FE0F ends one."""

BLANKS = r"\s\u2800"
"""What takes place and shows nothing: spaces, and the braille cell without a dot."""

BASIC = 0xFFFF
"""The last sign that has an escape of its own in every dialect of regular expressions."""

ON_RECORD = "on record"
"""The context for pydantic in which is read what was taken by the rule of an earlier release."""


def _signs(ranges: tuple[tuple[int, int], ...]) -> str:
    """Return ranges as they stand in brackets, as Python and JSON Schema both read them."""
    sets = (dict.fromkeys(ends) for ends in ranges)  # one sign alone is no range
    return "".join("-".join(f"\\u{c:04x}" if c <= BASIC else chr(c) for c in ends) for ends in sets)


STRAY = (
    rf"(?<![{_signs(JOINED)}])(?:\u200c|\u200d(?![{_signs(EMOJI)}])|(?<![{_signs(EMOJI)}])\u200d)"
)
"""A joiner where it joins nothing, and only hides."""

REFUSED = re.compile(rf"[{_signs(UNSEEN)}\ud800-\udfff]|{STRAY}")  # no JSON in UTF-8 has surrogates
REFUSED_IN_A_LINE = re.compile(rf"[\t\n\r]|{REFUSED.pattern}")


def flaw(text: str, *, one_line: bool = False) -> str | None:
    """Return in words what is wrong with a text, as they read on behind its name; or None.

    Args:
        text: what somebody wrote.
        one_line: whether it has to be a single line, as names are.
    """
    if match := REFUSED.search(text):
        return f"must not hold U+{ord(match[0]):04X}, which acts or hides without being seen"
    if one_line and REFUSED_IN_A_LINE.search(text):
        return "must be one line, without tabs"
    return None if is_seen(text) else "must have a visible sign"


def is_seen(text: str) -> bool:
    """Tell whether a text has a visible sign: one that has none names nobody, and says nothing."""
    return any(map(_is_seen, text))


def _is_seen(sign: str) -> bool:
    """Tell whether a sign is visible by itself, as most are that are newer than this Python."""
    category = unicodedata.category(sign)
    return (category[0] not in "MZC" and sign != "\u2800") or category == "Cn"


def printable(text: str) -> str:
    r"""Return any text as one printable line.

    What acts unseen is escaped, like `\x1b` and `\u202e`.
    """
    line = REFUSED_IN_A_LINE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    bare = (
        bool(line) and unicodedata.category(line[0])[0] == "M"
    )  # it would sit on whatever stands before it
    return f"◌{line}" if bare else line


def as_code(text: str) -> str:
    """Return an untrusted text as a Markdown code span: no link, image or bold type in it."""
    line = printable(text.replace("\n", " ")) or "–"
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    pad = " " if line[:1] in ("`", " ") or line[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def beginning_of(text: str, most: int) -> str:
    """Return the beginning of a text, `most` characters at most, and no joiner at its end."""
    return text[:most].rstrip("\u200c\u200d")


def _check(text: str, info: ValidationInfo, *, one_line: bool = False) -> str:
    if info.context != ON_RECORD and (why := flaw(text, one_line=one_line)):
        raise PydanticCustomError("text", "{why}", {"why": why})
    return text


check_line = partial(_check, one_line=True)
"""Return a text that is one line and hides nothing."""


def _pattern(also_refused: str = "") -> str:
    """Return the rule as an OpenAPI document states it.

    It is true, and leaves out rare signs and what joiners join.
    """
    forbidden = _signs(tuple(ends for ends in UNSEEN if max(ends) <= BASIC)) + also_refused
    unseen_alone = rf"{BLANKS}\u0300-\u036f\u200c\u200d\ufe00-\ufe0f"
    return f"^[^{forbidden}]*[^{forbidden}{unseen_alone}][^{forbidden}]*$"


PATTERN = _pattern()
LINE_PATTERN = _pattern(r"\t\n\r")

Words = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=1_000, json_schema_extra={"pattern": PATTERN}),
    AfterValidator(_check),
]
"""What somebody writes, in one or several lines."""

Name = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=200, json_schema_extra={"pattern": LINE_PATTERN}),
    AfterValidator(check_line),
]
"""What somebody or something is called: one line."""
