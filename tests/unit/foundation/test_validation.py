"""The quick reading of a schema and marshmallow's agree on everything: what is accepted, what it becomes, what is
refused and in which words."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import hypothesis
import marshmallow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import EXCLUDE, RAISE, fields, post_dump, post_load, pre_load, validate, validates_schema

from services.intake.schemas import NewReport, ReportList, ShownReport
from shared.events.catalogue import CATALOGUE
from shared.validation import Schema
from tests.support.events import example
from tests.support.reports import a_report

ODD = st.sampled_from(
    [None, True, False, 0, 1, -1, 2.5, 10**30, "", " ", "x" * 300, "unknown", "33.75.01.1002", "2026-03-02",
     "9999-99-99", [], ["A3"], ["A3", 1], {}, {"name": "Budi"}, {"$ne": None}, "\x00", "A3", "3375010101130001", [{}],
     [None]]
)  # fmt: skip

SHOWN = {
    "report_id": "report-1", "number": "L-7K3M9-Q2X4T-5", "status": "registered", "channel": "walk_in",
    "received_on": "2026-03-02", "registered_at": datetime(2026, 3, 2, 4, 5, 6, 789000, UTC), "kecamatan": "33.75.01",
    "kelurahan": "33.75.01.1002", "work_type": "A3", "severity": "high", "anonymous_reporter": False,
    "demonstration": True, "version": 1, "redaction_needed": False, "on_hold": False,
    "children": [
        {"child_id": "child-1", "first_child_id": None, "sex": "female", "age_band": "13_14",
         "school_attendance": "dropped_out",
         "legal_class": "prohibited", "legal_rule": "r@1", "legal_citation": None, "missing_facts": ["hazards"],
         "worst_possible": None, "statistical_class": "child_labour", "severity": "high",
         "erased": False},
    ],
}  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, valid: Any) -> Any:
    """The valid document with some of its places changed, emptied or added to."""
    document = copy.deepcopy(valid)
    for _ in range(draw(st.integers(0, 3))):
        part = document
        while isinstance(part, dict) and part:
            key = draw(st.sampled_from(sorted(part)))
            if isinstance(part[key], dict) and draw(st.booleans()):
                part = part[key]
            elif isinstance(part[key], list) and part[key] and isinstance(part[key][0], dict) and draw(st.booleans()):
                part = part[key][0]
            else:
                break
        if not isinstance(part, dict):
            continue
        what = draw(st.sampled_from(["replace", "remove", "add"]))
        if what == "add":
            part[draw(st.sampled_from(["extra", "narrative", "name", "$where", "sex"]))] = draw(ODD)
        elif part:
            key = draw(st.sampled_from(sorted(part)))
            if what == "replace":
                part[key] = draw(ODD)
            else:
                del part[key]
    return document


def agree(schema: Schema, document: Any) -> None:
    """Loads the document both ways and compares."""
    assert schema._quick is not None, "this schema is never read quickly"
    before = copy.deepcopy(document)
    outcomes = []
    for load in (schema.load, lambda data: marshmallow.Schema.load(schema, data)):
        try:
            outcomes.append(("accepted", load(document)))
        except marshmallow.ValidationError as error:
            outcomes.append(("refused", error.normalized_messages()))
        assert document == before, "what was sent is not changed"
    assert outcomes[0] == outcomes[1]
    assert list(map(type, _leaves(outcomes[0][1]))) == list(map(type, _leaves(outcomes[1][1]))), "1 is not True"


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key in sorted(value, key=str) for leaf in _leaves(value[key])]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value]


@settings(max_examples=400)
@hypothesis.example({**a_report(), "received_on": "2999-01-01"})
@hypothesis.example({**a_report(), "reporter": {"anonymous": True, "name": "Slamet Contoh"}})
@hypothesis.example({**a_report(), "narrative": ""})
@given(st.one_of(changed(a_report()), ODD))
def test_a_report_is_read_the_same_both_ways(document: Any) -> None:
    agree(NewReport(), document)


@pytest.mark.parametrize("producing", [True, False])
@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_an_event_is_read_the_same_both_ways(name: str, producing: bool) -> None:
    schema = CATALOGUE[name].schema(unknown=RAISE if producing else EXCLUDE)
    schema.producing = producing

    @settings(max_examples=60)
    @given(changed(example(name)))
    def both_ways(document: Any) -> None:
        agree(schema, document)

    both_ways()


@settings(max_examples=200)
@given(changed(SHOWN), st.booleans())
def test_a_report_is_shown_the_same_both_ways(document: Any, in_a_list: bool) -> None:
    schema: Schema = ShownReport()
    if in_a_list:
        schema, document = ReportList(), {"items": [document], "page": 1, "page_size": 25, "total": 1}
    assert schema._quick_dump is not None, "this schema is never written quickly"
    outcomes = []
    for dump in (schema.dump, lambda data: marshmallow.Schema.dump(schema, data)):
        try:
            outcomes.append(repr(dump(document)))
        except Exception as error:  # noqa: BLE001 - whatever marshmallow makes of it
            outcomes.append(f"{type(error)}")
    assert outcomes[0] == outcomes[1]


def test_what_is_shown_is_written_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marshmallow.Schema, "dump", lambda *_, **__: pytest.fail("marshmallow was asked"))
    assert list(ShownReport().dump(SHOWN)) == list(ShownReport().dump_fields), "in the order of the schema"


def test_what_does_more_than_its_fields_is_left_to_marshmallow() -> None:
    class Afterwards(Schema):
        name = fields.String()

        @post_dump
        def greet(self, data: Any, **_: Any) -> Any:
            return {**data, "greeted": True}

    class Computed(Schema):
        twice = fields.Function(lambda found: found["name"] * 2)

    class Elsewhere(Schema):
        name = fields.String(attribute="person.name")

    assert Afterwards()._quick_dump is None and Afterwards().dump({"name": "a"}) == {"name": "a", "greeted": True}
    assert Computed()._quick_dump is None and Computed().dump({"name": "a"}) == {"twice": "aa"}
    assert Elsewhere()._quick_dump is None and Elsewhere().dump({"person": {"name": "a"}}) == {"name": "a"}


def test_most_of_what_comes_is_read_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marshmallow.Schema, "load", lambda *_, **__: pytest.fail("marshmallow was asked"))
    assert NewReport().load(a_report())["channel"] == "walk_in"
    for name in CATALOGUE:
        CATALOGUE[name].schema(unknown=RAISE).load(example(name))


def test_a_schema_with_a_rule_that_is_not_followed_is_left_to_marshmallow() -> None:
    class Before(Schema):
        name = fields.String()

        @pre_load
        def trim(self, data: Any, **_: Any) -> Any:
            return {"name": data["name"].strip()}

    class Original(Schema):
        name = fields.String()

        @validates_schema(pass_original=True)
        def only_one(self, data: Any, original: Any, **_: Any) -> None:
            assert original

    assert Before()._quick is None and Before().load({"name": " a "}) == {"name": "a"}
    assert Original()._quick is None and Original().load({"name": "a"}) == {"name": "a"}


def test_a_schema_of_several_or_of_parts_is_left_to_marshmallow() -> None:
    class Named(Schema):
        name = fields.String(required=True, validate=validate.Length(min=1))

        @post_load
        def greeted(self, data: Any, **_: Any) -> Any:
            return {**data, "greeted": True}

    assert Named().load([{"name": "a"}], many=True) == [{"name": "a", "greeted": True}]
    assert Named().load({}, partial=True) == {"greeted": True}
    assert Named().load({"name": "a", "x": 1}, unknown=EXCLUDE) == {"name": "a", "greeted": True}
