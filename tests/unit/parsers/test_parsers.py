"""What reads a text or file that others wrote ends with an answer or with its own error, whatever it is given:
the same examples in every run, twenty times as many fresh ones with --long.

(Bodies of requests are in tests/unit/web/test_bodies.py and tests/unit/foundation/test_validation.py, messages of Kafka
in tests/unit/foundation/test_events.py.)
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.cases.engine import DefinitionError, read
from services.cases.engine.guards import Guard, GuardFailed, GuardSyntaxError
from shared.files.cleaner import sniff
from shared.files.formats import FORMATS, Refused, safe_name
from tests.support.examples import examples
from tests.unit.cases.engine.cases import MISTAKES

pytestmark = pytest.mark.timeout(1800)  # with --long; without it they take seconds
SHIPPED = (MISTAKES.parent / "child_labour_referral.yaml").read_text()
PIECES = [
    "'",
    '"',
    "{",
    "[",
    ": ",
    "- ",
    "&a",
    "*a",
    "!!python/object:os.system",
    "\t",
    "\x00",
    "\ud7ff",
    "null",
    "1e999",
]
WORDS = [
    *PIECES,
    "severity",
    "==",
    "&&",
    "in",
    "(",
    ")",
    "consents.services",
    "has(",
    ".all(x, x)",
    "9223372036854775808",
]


@examples(60)
@given(st.integers(0, len(SHIPPED)), st.integers(0, 40), st.lists(st.sampled_from(PIECES), max_size=4).map("".join))
def test_a_definition_that_is_damaged_anywhere_is_refused_with_its_faults(begin: int, gone: int, piece: str) -> None:
    """Failed at first: a character that YAML does not read came through as its own error, and so did depth."""
    try:
        read(SHIPPED[:begin] + piece + SHIPPED[begin + gone :])
    except DefinitionError as error:
        assert error.faults


@examples(200)
@given(st.text(max_size=200))
@example("[" * 5_000)
@example("{a: " * 2_000)
@example("a: &a [*a]")
@example("\ud800")
def test_a_text_that_is_no_definition_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        read(text)


@examples(300)
@given(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join) | st.text(max_size=60))
@example("(" * 500 + "true" + ")" * 500)
@example("1 / 0 == 1")
@example("'a'.matches('(a*)*b')")
def test_a_condition_is_answered_or_refused(text: str) -> None:
    """Failed at first: a division by nothing came through as it was."""
    with contextlib.suppress(GuardSyntaxError, GuardFailed):
        Guard(text).holds({"severity": "high", "consents": {"services": "given"}})


@examples(200)
@given(st.binary(min_size=1, max_size=400))
def test_bytes_are_of_one_format_or_refused(content: bytes) -> None:
    try:
        assert sniff(content) in FORMATS
    except Refused as error:
        assert error.code


@examples(200)
@given(st.text(max_size=400), st.sampled_from(sorted(FORMATS)))
def test_a_name_is_a_name_and_leads_nowhere(sent: str, code: str) -> None:
    name = safe_name(sent, code)
    assert Path(name).name == name and name.endswith(FORMATS[code].ending) and "\n" not in name
