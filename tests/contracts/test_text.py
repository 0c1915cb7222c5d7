"""What others write: what of it is taken, and how it is shown."""

import re
import unicodedata
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from application.caller import Caller
from contracts.decisions import ACTS, Decision, StepEvidence
from contracts.text import ON_RECORD, REFUSED, Name, Words, as_code, beginning_of, flaw, printable
from routes.acts import DecisionBody, EvidenceBody

ACT_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
FORMLESS = set("\u115f\u1160\u3164\uffa0")

READ_WELL = {
    "a name": "Otto Müller-Lüdenscheidt",
    "an emoji of two": "👩‍💻 did it",
    "an emoji of four": "👨‍👩‍👧‍👦",
    "with a colour and a sex": "🧑🏽‍⚕️",
    "a flag": "🏳️‍🌈 🇩🇪",
    "a heart on fire": "❤️‍🔥",
    "Persian": "می‌خواهم",
    "Hindi": "क्‍ष",
    "Malayalam, with a joiner at the end": "ന്‍",
    "Bengali, with a joiner before the virama": "র‍্যাব",
    "Japanese, of a person's own form": "葛󠄀城",
    "Hebrew": "שולם ביד",
    "Arabic": "دُفع باليد",
    "Vietnamese, in pieces": unicodedata.normalize("NFD", "Nguyễn"),
    "punctuation": "…",
    "braille": "⠓⠊⠀⠓⠊",
    "a currency": "€",
}

ACTS_UNSEEN = {
    "a blank without width": "\u200b",
    "U+2060": "\u2060",
    "a byte order mark": "\ufeffotto",
    "an escape": "\x1b[2J\x1b[31motto",
    "one of eight bits": "\x9b2Jotto",
    "NUL": "ot\0to",
    "a bell": "\x07otto",
    "DEL": "otto\x7f",
    "a right to left override": "\u202eotto",
    "a left to right override": "\u202dotto",
    "an isolate": "\u2066otto\u2069",
    "a mark of direction": "otto\u200f",
    "a line's end of Unicode's own": "otto\u2028root",
    "a paragraph's": "otto\u2029root",
    "the next line": "otto\x85root",
    "a soft hyphen": "ot\u00adto",
    "a tag, rare": "otto\U000e0041",
    "a letter without form": "otto\u3164",
    "a private sign": "\ue000",
    "no character": "otto\uffff",
    "a joiner that joins nothing": "ot\u200dto",
    "a joiner in front": "\u200dotto",
    "two joiners": "می\u200c\u200cخواهم",
    "a joiner behind an emoji": "👩\u200d",
    "no joiner between emoji": "👩\u200c💻",
    "a lone surrogate": "otto\ud800",
}

NOT_SEEN = {
    "nothing": "",
    "a blank": " ",
    "a blank that does not break": "\u00a0\u3000",
    "a mark alone": "\u0301",
    "a variation alone": "\ufe0f",
    "a braille blank": "\u2800",
    "joined blanks": "\u034f",
}


def fits(kind: Any, text: str) -> bool:
    """Tell whether a text is taken."""
    try:
        return bool(TypeAdapter(kind).validate_python(text) == text)
    except ValidationError:
        return False


@pytest.mark.parametrize("text", READ_WELL.values(), ids=READ_WELL)
def test_what_people_write_is_taken_and_shown_as_it_is(text: str) -> None:
    """In any script, also where it needs joiners; the OpenAPI document allows it."""
    for kind in (Words, Name):
        assert fits(kind, text)
        assert re.search(TypeAdapter(kind).json_schema()["pattern"], text)
    assert printable(text) == text
    assert printable(printable(text)) == text


@pytest.mark.parametrize("text", (ACTS_UNSEEN | NOT_SEEN).values(), ids=ACTS_UNSEEN | NOT_SEEN)
def test_what_is_not_seen_is_refused(text: str) -> None:
    """As a name, a reason or evidence; with or without what can be seen beside it."""
    for kind in (Words, Name):
        assert not fits(kind, text)
    fields = {"by": "otto", "reason": "paid", "evidence": "transfer 4711", "step": "ProcessPayment"}
    for field in fields:
        with pytest.raises(ValidationError):
            StepEvidence.model_validate(fields | {field: text})
        assert StepEvidence.model_validate(fields) == StepEvidence(**fields)
    for body in (DecisionBody, EvidenceBody):
        with pytest.raises(ValidationError):
            body.model_validate(
                {name: text if name == "by" else "fine" for name in body.model_fields}
            )


@pytest.mark.parametrize(
    "text",
    [
        text
        for name, text in ACTS_UNSEEN.items()
        if not {"joiner", "joiners", "surrogate", "rare"} & set(name.split())
    ],
)
def test_the_openapi_document_says_so(text: str) -> None:
    """Its pattern refuses what is refused, as far as every dialect of patterns can tell it."""
    for kind in (Words, Name):
        assert not re.search(TypeAdapter(kind).json_schema()["pattern"], text)


def test_a_reason_may_have_lines_and_a_name_may_not() -> None:
    """Nothing else tells a name from a reason, but for its length."""
    text = "paid back:\n\t15.30 GBP\r\nby hand"
    assert fits(Words, text)
    assert not fits(Name, text)
    assert re.search(TypeAdapter(Words).json_schema()["pattern"], text)
    assert not re.search(TypeAdapter(Name).json_schema()["pattern"], text)
    assert fits(Words, "x" * 1_000)
    assert not fits(Words, "x" * 1_001)
    assert fits(Name, "x" * 200)
    assert not fits(Name, "x" * 201)


def test_a_refusal_is_told_in_words() -> None:
    """It names the sign, or says that there is none to be seen; no pattern is told."""
    with pytest.raises(ValidationError) as error_info:
        Decision.model_validate({"by": "\u200b", "reason": "\u0301"})
    assert [error["msg"] for error in error_info.value.errors()] == [
        "must not hold U+200B, which acts or hides without being seen",
        "must have a visible sign",
    ]
    assert flaw("otto\nroot", one_line=True) == "must be one line, without tabs"


def test_the_table_is_unicodes() -> None:
    """What Python knows to act unseen is refused, joiners by what they join.

    What it knows to be seen is taken.
    """
    assigned_signs = [
        sign for sign in map(chr, range(0x110000)) if unicodedata.category(sign) != "Cn"
    ]
    invisible_signs = {
        sign for sign in assigned_signs if unicodedata.category(sign) in ACT_UNSEEN
    } | FORMLESS
    refused_signs = {
        sign
        for sign in REFUSED.findall("".join(assigned_signs))
        if unicodedata.category(sign) != "Cn"
    }
    assert refused_signs | set("\t\n\r\u200c\u200d") == invisible_signs | {"\u200c", "\u200d"}


def test_what_was_taken_before_is_read_again() -> None:
    """An open saga reads what it had taken before a stricter rule came.

    Nobody can say such a thing anew.
    """
    for kind in ACTS.values():
        texts = [name for name in kind.model_fields if name != "attempts"]
        fields = dict.fromkeys(texts, "\u200b")
        decision = kind.model_validate(fields, context=ON_RECORD)
        assert decision.model_dump(exclude={"attempts"}) == fields
        with pytest.raises(ValidationError):
            kind.model_validate(fields)
        with pytest.raises(ValidationError):
            kind.model_validate(dict.fromkeys(texts, ""), context=ON_RECORD)


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("\u200b", r"\u200b"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\u202eb", r"a\u202eb"),
        ("ann\n2026-01-01 INFO all is well", r"ann\n2026-01-01 INFO all is well"),
        ("a\tb\rc", r"a\tb\rc"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
        ("o\u200dtto", r"o\u200dtto"),
        ("\u0301x", "◌\u0301x"),
        ("", ""),
    ],
)
def test_what_acts_unseen_is_spelt_out(text: str, spelling: str) -> None:
    """Old records may hold anything: a terminal, a log and a page show what is there."""
    assert printable(text) == spelling
    assert printable(spelling) == spelling


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("scarce: 9 asked, 1 left", "`scarce: 9 asked, 1 left`"),
        ("[pay](javascript:alert(1)) **now**", "`[pay](javascript:alert(1)) **now**`"),
        ("![](https://evil.example/x.png)", "`![](https://evil.example/x.png)`"),
        ("one\n\n# two", "`one  # two`"),
        ("a ` b `` c", "```a ` b `` c```"),
        ("`", "`` ` ``"),
        ("", "`–`"),
        ("\u202eevil", r"`\u202eevil`"),
    ],
)
def test_markdown_shows_text_as_text(text: str, code: str) -> None:
    """In a code span nothing is a link, an image, bold or a paragraph; no text ends the span."""
    assert as_code(text) == code


def test_a_name_that_is_cut_leaves_no_joiner() -> None:
    """A token's subject stands beside a name of any length, and the saga takes both."""
    name = "x" * 58 + "👩‍💻"
    assert beginning_of(name, 60) == "x" * 58 + "👩"
    assert flaw(Caller(subject="till-7").signature_of(name), one_line=True) is None


def test_the_type_serves_other_names() -> None:
    """Any contract may use it, with another length or an alias."""

    class Product(BaseModel):
        name: Name

    assert Product(name="Teelicht „weiß“").name == "Teelicht „weiß“"
    with pytest.raises(ValidationError):
        Product(name="Teelicht\u200b")
