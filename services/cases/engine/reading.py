"""From a file to a `Definition`: the form first, then whatever names something must name what there is.

Every fault has its line and column, and all are told at once. What only shows when the workflow runs is checks.py's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as File
from typing import Any

from marshmallow import ValidationError

from services.cases.engine import naming
from services.cases.engine.definition import (
    Branch,
    DeadlineRule,
    Definition,
    Fact,
    Invariant,
    Pause,
    ReferralKind,
    Stage,
    Step,
    TakesOver,
)
from services.cases.engine.form import DefinitionForm
from services.cases.engine.guards import Guard, GuardSyntaxError
from services.cases.engine.positions import DefinitionError, Fault, Marks, Path, at, read_yaml
from shared import domain

__all__ = ["DefinitionError", "Fault", "load", "read"]


def load(file: File) -> Definition:
    """The definition in a file. Raises DefinitionError, OSError."""
    return read(file.read_text(encoding="utf-8"))


def read(text: str) -> Definition:
    """The definition that a text writes down. Raises DefinitionError with every fault that shows without running it."""
    content, marks = read_yaml(text)
    try:
        entries = DefinitionForm().load(content)
    except ValidationError as error:
        raise DefinitionError(sorted(form_faults(error.normalized_messages(), marks))) from None
    faults: list[Fault] = []
    definition = _Builder(entries, marks, faults).definition()
    faults += [Fault(*at(marks, path), message) for path, message in naming.faults(definition)]
    if faults:
        raise DefinitionError(sorted(set(faults)))
    return definition


def form_faults(messages: Any, marks: Marks, path: Path = ()) -> Iterator[Fault]:
    """What a schema found wrong (`ValidationError.normalized_messages()`), each at its place in the file."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            # marshmallow says of an entry of a mapping whether its `key` or its `value` is wrong.
            dictionary = name in ("key", "value") and (*path, name) not in marks and path in marks
            yield from form_faults(inner, marks, path if dictionary or name == "_schema" else (*path, name))
        return
    for message in messages if isinstance(messages, list) else [messages]:
        if isinstance(message, Mapping):
            yield from form_faults(message, marks, path)
        else:
            yield Fault(*at(marks, path), f"{'.'.join(map(str, path)) or 'the file'}: {_worded(str(message))}")


def _worded(message: str) -> str:
    return {
        "Missing data for required field.": "is missing",
        "Unknown field.": "is not known here",
        "Field may not be null.": "is empty",
        "Not a valid string.": "is no text",
        "Not a valid list.": "is no list",
        "Not a valid mapping type.": "has no entries",
        "Not a valid integer.": "is no whole number",
        "Not a valid boolean.": "is neither true nor false",
    }.get(message, message)


class _Builder:
    """Puts a definition together; guards that are no CEL become faults and are left out."""

    def __init__(self, entries: Mapping[str, Any], marks: Marks, faults: list[Fault]) -> None:
        self._entries = entries
        self._marks = marks
        self._faults = faults

    def definition(self) -> Definition:
        entries = self._entries
        return Definition(
            name=entries["workflow"],
            version=entries["version"],
            names=entries["name"],
            begins=entries["begins"],
            stages={name: Stage(name, _names(entry), entry["final"]) for name, entry in entries["stages"].items()},
            facts={name: self._fact(name, entry) for name, entry in entries["facts"].items()},
            consents=entries["consents"],
            steps={name: self._step(name, entry) for name, entry in entries["steps"].items()},
            deadlines={
                name: _rule(name, _names(entry), entry, tuple(entry["stages"]))
                for name, entry in entries["deadlines"].items()
            },
            referrals={name: _referral(name, entry) for name, entry in entries["referrals"].items()},
            pauses={
                name: Pause(name, _names(entry), tuple(entry["deadlines"])) for name, entry in entries["pauses"].items()
            },
            invariants={
                name: Invariant(name, _names(entry), guard)
                for name, entry in entries["invariants"].items()
                if (guard := self._guard(entry["never"], ("invariants", name, "never"))) is not None
            },
            managed_by=tuple(entries["managed_by"]),
            answered_by=tuple(entries["answered_by"]),
            decline_reasons=entries["decline_reasons"],
            revoke_reasons=entries["revoke_reasons"],
            takes_over=TakesOver(**entries["takes_over"]) if "takes_over" in entries else None,
            marks=self._marks,
        )

    def _fact(self, name: str, entry: Mapping[str, Any]) -> Fact:
        labels: dict[str, Mapping[str, str]] = dict(entry.get("values", {}))
        if "codes" in entry:
            if entry["codes"] in domain.kinds():
                labels = {code: each.names for code, each in domain.codes(entry["codes"]).items()}
            else:
                self._fault(("facts", name, "codes"), f"there is no list of codes {entry['codes']!r}")
                labels = labels or {"unknown": _names(entry)}
        return Fact(name, _names(entry), tuple(labels), labels)

    def _step(self, name: str, entry: Mapping[str, Any]) -> Step:
        path: Path = ("steps", name)
        branches = [
            Branch(branch["stage"], self._guard(branch.get("when"), (*path, "to", number, "when")))
            for number, branch in enumerate(entry["to"])
        ]
        forgets = {fact: self._guard(text, (*path, "forgets", fact)) for fact, text in entry["forgets"].items()}
        return Step(
            name=name,
            names=_names(entry),
            origins=tuple(entry["origins"]),
            to=tuple(branches),
            by=tuple(entry["by"]),
            agency_kinds=tuple(entry["agency_kinds"]),
            records=tuple(entry["records"]),
            may_record=tuple(entry["may_record"]),
            forgets={fact: guard for fact, guard in forgets.items() if guard is not None},
            when=self._guard(entry.get("when"), (*path, "when")),
            consents=tuple(entry["consents"]),
            approved_by=tuple(entry["approved_by"]),
        )

    def _guard(self, text: str | None, path: Path) -> Guard | None:
        if text is None:
            return None
        try:
            return Guard(text)
        except GuardSyntaxError as error:
            line, column = at(self._marks, path)
            self._faults.append(Fault(line, column + 1 + error.column, f"is no condition: {error}"))
            return None

    def _fault(self, path: Path, message: str) -> None:
        self._faults.append(Fault(*at(self._marks, path), message))


def _names(entry: Mapping[str, Any]) -> dict[str, str]:
    return {"id": entry["id"], "en": entry["en"]}


def _rule(name: str, names: Mapping[str, str], entry: Mapping[str, Any], stages: Iterable[str] = ()) -> DeadlineRule:
    return DeadlineRule(
        name=name,
        names=names,
        stages=tuple(stages),
        within=entry["within"],
        by=entry["by"],
        remind=entry.get("remind"),
        escalate_to=tuple(entry["escalate_to"]),
        expires=entry.get("expires"),
    )


def _referral(name: str, entry: Mapping[str, Any]) -> ReferralKind:
    names = _names(entry)
    service = entry.get("service")
    return ReferralKind(
        name=name,
        names=names,
        agency_kinds=tuple(entry["agency_kinds"]),
        stages=tuple(entry["stages"]),
        consents=tuple(entry["consents"]),
        sees=tuple(entry["sees"]),
        outcomes=entry["outcomes"],
        response=_rule(f"response:{name}", names, entry["response"]),
        service=None if service is None else _rule(f"service:{name}", names, service),
        service_kind=entry.get("service_kind"),
    )
