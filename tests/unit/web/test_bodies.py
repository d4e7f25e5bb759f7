"""The quick look at a body's text never lets pass what the long one would refuse. (Seen to fail without each part of
the pattern.)"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.web.problem import Problem
from shared.web.requests import INT64, MAX_DEPTH, _is_surely_fit, _unfit
from tests.support.reports import a_report

text = st.text(st.sampled_from('a\x00\ud83d\udc00\\u0"é{'), max_size=4)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | text | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=10,
)


def refused(document: Any) -> bool:
    try:
        return bool(_unfit(document))
    except Problem:
        return True


@given(documents, st.booleans())
@example(INT64, False)
@example(1e300, False)
@example("\x00", True)
def test_what_is_surely_fit_is_fit(document: Any, escaped: bool) -> None:
    try:
        body = json.dumps(document, ensure_ascii=escaped).encode()
    except UnicodeEncodeError:
        return  # a lone surrogate that is not escaped is no UTF-8: refused before
    if _is_surely_fit(body):
        assert not refused(json.loads(body))


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_is_looked_at(opening: str) -> None:
    depth = MAX_DEPTH + 2
    body = opening * depth + "1" + ("]" if opening == "[" else "}") * depth
    assert not _is_surely_fit(body.encode())
    assert refused(json.loads(body))


def test_a_usual_report_needs_no_second_look() -> None:
    assert _is_surely_fit(json.dumps(a_report()).encode())
