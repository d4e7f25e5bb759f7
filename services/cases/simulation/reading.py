"""From YAML to `Figures`: the form first, then whatever names something of the definition must name what there is.

Every fault has its line and column, and all are told at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path as File
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from services.cases.engine.definition import Definition
from services.cases.engine.form import Period
from services.cases.engine.naming import ABOUT
from services.cases.engine.positions import DefinitionError, Fault, Path, at, read_yaml
from services.cases.engine.reading import form_faults
from services.cases.simulation.figures import Agencies, Figures, Length, Work

WEIGHT = validate.Range(min=0, error="is less than nothing")
SHARE = validate.Range(min=0, max=1, error="is no share: write a number from 0 to 1")
NUMBER = validate.Range(min=1, error="is less than one")


class Span(fields.Field[Length]):
    """`2 working_days` for always the same, or `{median: 2 working_days, p90: 5 working_days}`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Length:
        ends = value if isinstance(value, dict) else {"median": value, "p90": value}
        if set(ends) != {"median", "p90"}:
            raise ValidationError("is neither a period nor has both median and p90")
        period = Period(required=True)
        median: Any = period.deserialize(ends["median"])
        p90: Any = period.deserialize(ends["p90"])
        if median.unit != p90.unit:
            raise ValidationError("median and p90 are in different units")
        if not 0 < median.amount <= p90.amount:
            raise ValidationError("median is nothing, or longer than p90")
        return Length(median.amount, p90.amount, median.unit)


def weights() -> fields.Dict:
    """Numbers by name."""
    return fields.Dict(keys=fields.String(), values=fields.Float(validate=WEIGHT))


class ArrivalsForm(Schema):
    per_day = fields.Float(required=True, validate=validate.Range(min=0, min_inclusive=False, error="is nothing"))
    about = fields.Dict(keys=fields.String(), values=weights(), load_default=dict)


class WorkForm(Schema):
    work = Span(required=True)
    after = Span()
    facts = fields.Dict(keys=fields.String(), values=weights(), load_default=dict)


class ApprovalForm(Schema):
    work = Span(required=True)
    rejected = fields.Float(load_default=0.0, validate=SHARE)


class AgenciesForm(Schema):
    needed = fields.Dict(keys=fields.String(), values=fields.Float(validate=SHARE), required=True)
    agencies = fields.Integer(required=True, strict=True, validate=NUMBER)
    places = fields.Integer(required=True, strict=True, validate=NUMBER)
    answer = Span(required=True)
    begin = Span(required=True)
    service = Span(required=True)
    declines = fields.Float(load_default=0.0, validate=SHARE)
    outcomes = weights()


class FiguresForm(Schema):
    """The whole file."""

    unconfirmed = fields.Boolean(load_default=False)
    begins = fields.Date(required=True)
    runs_on = Span(required=True)
    arrivals = fields.Nested(ArrivalsForm, required=True)
    people = fields.Dict(keys=fields.String(), values=fields.Integer(strict=True, validate=NUMBER), required=True)
    choices = fields.Dict(keys=fields.String(), values=weights(), required=True)
    steps = fields.Dict(keys=fields.String(), values=fields.Nested(WorkForm), required=True)
    approvals = fields.Nested(ApprovalForm, required=True)
    consents = Span(required=True)
    requests = Span(required=True)
    referrals = fields.Dict(keys=fields.String(), values=fields.Nested(AgenciesForm), load_default=dict)


def load(file: File, definition: Definition) -> Figures:
    """The figures in a file. Raises DefinitionError, OSError."""
    return read(file.read_text(encoding="utf-8"), definition)


def read(text: str, definition: Definition) -> Figures:
    """The figures that a text writes down for a definition. Raises DefinitionError with every fault."""
    content, marks = read_yaml(text)
    if isinstance(content, dict) and not isinstance(content.get("begins"), str):
        content = {**content, "begins": str(content.get("begins"))}
    try:
        entries = FiguresForm().load(content)
    except ValidationError as error:
        raise DefinitionError(sorted(form_faults(error.normalized_messages(), marks))) from None
    figures = _figures(entries)
    faults = [Fault(*at(marks, path), message) for path, message in _names(figures, definition)]
    if faults:
        raise DefinitionError(sorted(set(faults)))
    return figures


def _figures(entries: dict[str, Any]) -> Figures:
    return Figures(
        begins=entries["begins"],
        runs_on=entries["runs_on"],
        per_day=entries["arrivals"]["per_day"],
        about=entries["arrivals"]["about"],
        people=entries["people"],
        choices=entries["choices"],
        steps={
            name: Work(entry["work"], entry.get("after"), entry["facts"]) for name, entry in entries["steps"].items()
        },
        approval=entries["approvals"]["work"],
        rejected=entries["approvals"]["rejected"],
        consent=entries["consents"],
        request=entries["requests"],
        referrals={name: _agencies(entry) for name, entry in entries["referrals"].items()},
    )


def _agencies(entry: dict[str, Any]) -> Agencies:
    names = ("needed", "places", "answer", "begin", "service", "declines")
    rest = {name: entry[name] for name in names}
    return Agencies(number=entry["agencies"], outcomes=entry.get("outcomes", {}), **rest)


Found = Iterator[tuple[Path, str]]


def _names(figures: Figures, definition: Definition) -> Found:
    yield from _missing(figures.about, ABOUT, "attribute of a report", ("arrivals", "about"))
    for name, entry in figures.about.items():
        yield from _some(entry, ("arrivals", "about", name))
    yield from _missing(figures.choices, definition.stages, "stage", ("choices",))
    for stage, chosen in figures.choices.items():
        path: Path = ("choices", stage)
        yield from _some(chosen, path)
        yield from _missing(chosen, definition.steps, "step", path)
        for step in chosen:
            if step in definition.steps and stage not in definition.steps[step].origins:
                yield (*path, step), f"{step!r} cannot be taken in {stage!r}"
            if step in definition.steps and step not in figures.steps:
                yield (*path, step), f"how long {step!r} takes is not said under 'steps'"
    yield from _missing(figures.steps, definition.steps, "step", ("steps",))
    for name, work in figures.steps.items():
        yield from _of_step(name, work, definition)
    yield from _people(figures, definition)
    yield from _missing(figures.referrals, definition.referrals, "referral", ("referrals",))
    for kind, agencies in figures.referrals.items():
        if kind in definition.referrals:
            yield from _of_referral(kind, agencies, definition)


def _of_step(name: str, work: Work, definition: Definition) -> Found:
    step = definition.steps.get(name)
    if step is None:
        return
    path: Path = ("steps", name, "facts")
    for fact in step.records:
        if fact not in work.facts:
            yield path, f"{name!r} records {fact!r}: say how often which value"
    for fact, values in work.facts.items():
        if fact not in (*step.records, *step.may_record):
            yield (*path, fact), f"{name!r} does not record {fact!r}"
            continue
        yield from _some(values, (*path, fact))
        yield from _missing(values, definition.facts[fact].values, f"value of {fact}", (*path, fact))


def _people(figures: Figures, definition: Definition) -> Found:
    steps = [definition.steps[name] for name in figures.steps if name in definition.steps]
    roles = {step.by[0] for step in steps} | {step.approved_by[0] for step in steps if step.approved_by}
    for role in sorted(roles | {definition.managed_by[0]}):
        if role not in figures.people:
            yield ("people",), f"there is work for the role {role!r}: say how many there are"


def _of_referral(kind: str, entry: Agencies, definition: Definition) -> Found:
    path: Path = ("referrals", kind)
    yield from _missing(entry.needed, definition.referrals[kind].stages, f"stage for {kind}", (*path, "needed"))
    yield from _missing(entry.outcomes, definition.referrals[kind].outcomes, "outcome", (*path, "outcomes"))
    if entry.outcomes:
        yield from _some(entry.outcomes, (*path, "outcomes"))
    if entry.declines and not definition.decline_reasons:
        yield (*path, "declines"), "the definition has no reasons to decline"


def _some(values: dict[str, float] | Any, path: Path) -> Found:
    if not any(values.values()):
        yield path, "nothing here has a weight: nothing could be chosen"


def _missing(names: Iterable[str], known: Iterable[str], what: str, path: Path) -> Found:
    there = list(known)
    for name in names:
        if name not in there:
            yield (*path, name), f"there is no {what} {name!r}"
