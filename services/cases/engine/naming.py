"""Whatever a definition names must be there: stages, facts and their values, roles, consents, agencies, fields.

Each fault is said with the path of the entry, so that the reader can point at its place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from services.cases.engine.classes import guards
from services.cases.engine.deadlines import begun
from services.cases.engine.definition import DeadlineRule, Definition, ReferralKind, Step, TakesOver
from services.cases.engine.guards import COMPLETED, CONSENTS, KNOWN, REFERRALS, STAGE, Guard
from services.cases.engine.positions import Path
from services.cases.engine.state import OPEN
from shared import domain
from shared.access.rights import rights
from shared.domain.roles import ROLES

Found = Iterator[tuple[Path, str]]
#: What a case knows when it opens, besides facts, each a list of codes: a deadline may depend on it.
ABOUT = ("severity", "age_band", "legal_class", "statistical_class", "kecamatan", "work_type", "sex")

#: What somebody must have the right to, for a definition to name them: shared/access/rights.yaml.
ACTS, ANSWERS, READS = "case.act", "referral.answer", "case.read"

#: What must be given where a case can have referrals, and what is wrong otherwise.
NEEDED_FOR_REFERRALS = {
    "answered_by": "nobody answers referrals: name the roles in 'answered_by'",
    "decline_reasons": "no agency could decline a referral: name what it may say in 'decline_reasons'",
    "revoke_reasons": "nobody could take a referral back: name what they may say in 'revoke_reasons'",
}
#: Monday, 07.30 WIB: a reminder that would come too early even when no night or weekend lies before it.
MONDAY = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)


def faults(definition: Definition) -> Found:
    """Everything that is named and not there, or that can have no effect."""
    yield from _missing((definition.begins,), definition.stages, "stage", ("begins",), listed=False)
    if definition.begins in definition.stages and definition.stages[definition.begins].final:
        yield ("begins",), f"a case cannot begin in {definition.begins!r}: it is final"
    if not definition.managed_by:
        yield ("managed_by",), "nobody leads a case: name the roles in 'managed_by'"
    yield from _roles(definition.managed_by, ACTS, ("managed_by",))
    yield from _roles(definition.answered_by, ANSWERS, ("answered_by",))
    yield from _of_facts(definition)
    for step in definition.steps.values():
        yield from _of_step(definition, step)
    for rule in definition.deadlines.values():
        path: Path = ("deadlines", rule.name)
        yield from _missing(rule.stages, definition.stages, "stage", (*path, "stages"))
        for number, stage in enumerate(rule.stages):
            if stage in definition.stages and definition.stages[stage].final:
                yield (*path, "stages", number), f"nothing is due in {stage!r}: it is final"
        yield from _of_rule(definition, rule, path)
    for kind in definition.referrals.values():
        yield from _of_referral(definition, kind)
    rules = {
        *definition.deadlines,
        *(f"{what}:{kind}" for kind in definition.referrals for what in ("response", "service")),
    }
    for pause in definition.pauses.values():
        yield from _missing(pause.deadlines, rules, "deadline", ("pauses", pause.name, "deadlines"))
        if not pause.deadlines:
            yield ("pauses", pause.name, "deadlines"), "no deadline stands still in this pause: name some"
    for invariant in definition.invariants.values():
        yield from _of_guard(definition, invariant.never, ("invariants", invariant.name, "never"))
    for part, fault in NEEDED_FOR_REFERRALS.items():
        if definition.referrals and not getattr(definition, part):
            yield (part,) if (part,) in definition.marks else ("referrals",), fault
    if definition.takes_over is not None:
        yield from _of_taking_over(definition, definition.takes_over)


def _of_facts(definition: Definition) -> Found:
    recorded = _recorded(definition)
    asked = set().union(*(guard.asks for guard in guards(definition)), set())
    for fact in definition.facts.values():
        if not fact.values:
            yield ("facts", fact.name), f"the fact {fact.name!r} has no values: give 'values' or 'codes'"
        if fact.name not in recorded | asked:  # of one that a condition asks for, the condition is told
            yield ("facts", fact.name), f"no step records the fact {fact.name!r}"


def _recorded(definition: Definition) -> set[str]:
    return {name for step in definition.steps.values() for name in (*step.records, *step.may_record)}


def _of_taking_over(definition: Definition, mapping: TakesOver) -> Found:
    if mapping.version >= definition.version:
        yield ("takes_over", "version"), f"version {definition.version} takes over cases of an older version only"
    words: dict[str, tuple[str, Iterable[str]]] = {
        "stages": ("stage", definition.stages),
        "steps": ("step", definition.steps),
        "facts": ("fact", definition.facts),
        "consents": ("consent", definition.consents),
        "referrals": ("referral", definition.referrals),
        "pauses": ("pause", definition.pauses),
        "deadlines": ("deadline", definition.deadlines),
    }
    for part, (what, known) in words.items():
        for old, name in getattr(mapping, part).items():
            if name is not None and name not in known:
                yield ("takes_over", part, old), f"there is no {what} {name!r}"
    for fact, values in mapping.values.items():
        name = mapping.facts.get(fact, fact)
        if name not in definition.facts and fact not in mapping.facts:
            yield ("takes_over", "values", fact), f"there is no fact {name!r}"
        elif name is None:
            yield ("takes_over", "values", fact), f"the fact {fact!r} is dropped: its values need no new words"
        for old, value in values.items():
            if name is not None and name in definition.facts and value not in definition.facts[name].values:
                yield ("takes_over", "values", fact, old), f"{name} is never {value!r}"


def _of_step(definition: Definition, step: Step) -> Found:
    path: Path = ("steps", step.name)
    yield from _missing(step.origins, definition.stages, "stage", (*path, "from"))
    yield from _roles(step.by, ACTS, (*path, "by"))
    yield from _roles(step.approved_by, ACTS, (*path, "approved_by"))
    yield from _missing(step.records, definition.facts, "fact", (*path, "records"))
    yield from _missing(step.may_record, definition.facts, "fact", (*path, "may_record"))
    yield from _missing(step.consents, definition.consents, "consent", (*path, "consents"))
    if not step.origins:
        yield path, f"the step {step.name!r} can be taken from no stage"
    if not step.by:
        yield path, f"nobody may take the step {step.name!r}"
    yield from _of_guard(definition, step.when, (*path, "when"))
    for number, branch in enumerate(step.to):
        place: Path = (*path, "to", number)
        yield from _missing((branch.stage,), definition.stages, "stage", (*place, "stage"), listed=False)
        yield from _of_guard(definition, branch.when, (*place, "when"))
        if branch.when is None and number < len(step.to) - 1:
            yield (*path, "to", number + 1), "is never reached: the branch before it has no condition"
    final = [stage for stage in step.origins if stage in definition.stages and definition.stages[stage].final]
    if final and not step.approved_by:
        yield path, f"the final stage {final[0]!r} can be left without a second person: name 'approved_by'"


def _of_rule(definition: Definition, rule: DeadlineRule, path: Path) -> Found:
    yield from _roles(rule.escalate_to, READS, (*path, "escalate_to"))
    if not rule.escalate_to:
        yield path, "nobody hears of it when this deadline is breached: name the roles in 'escalate_to'"
    if not rule.by:
        if "otherwise" not in rule.within:
            yield (*path, "within"), "says by which value it differs, but not by which fact: name it in 'by'"
    elif rule.by not in definition.facts and rule.by not in ABOUT:
        yield (*path, "by"), f"there is no fact {rule.by!r}"
    else:
        fact = definition.facts.get(rule.by)
        what, values = ("code", [*domain.codes(rule.by)]) if fact is None else ("value", [*fact.values])
        named = set(rule.within) - {"otherwise"}
        yield from _missing(named, values, f"{what} of {rule.by}", (*path, "within"), keys=True)
        if "otherwise" not in rule.within and (left := [value for value in values if value not in named]):
            yield (*path, "within"), f"there is no deadline for {rule.by} {left[0]!r}: add it, or 'otherwise'"
    for length in rule.within.values():
        if rule.remind is not None and begun(rule, "", MONDAY, length, length.after(MONDAY)).remind_at is None:
            yield (*path, "remind"), f"the reminder comes {rule.remind} before a deadline of {length}"
            break


def _of_referral(definition: Definition, kind: ReferralKind) -> Found:
    path: Path = ("referrals", kind.name)
    declared = {**domain.identifying_fields("person"), **domain.identifying_fields("report")}
    fields = [name for name, field in declared.items() if field.referred]
    yield from _missing(kind.agency_kinds, domain.codes("agency_kind"), "kind of agency", (*path, "agency_kinds"))
    if kind.service_kind is not None:
        yield from _of_service_kind(kind, kind.service_kind, path)
    yield from _missing(kind.stages, definition.stages, "stage", (*path, "stages"))
    yield from _missing(kind.consents, definition.consents, "consent", (*path, "consents"))
    yield from _missing(kind.sees, fields, "identifying field", (*path, "sees"))
    for number, stage in enumerate(kind.stages):
        if stage in definition.stages and definition.stages[stage].final:
            yield (*path, "stages", number), f"nobody is asked in {stage!r}: it is final"
    if not kind.agency_kinds:
        yield path, f"no agency gives {kind.name!r}"
    if not kind.outcomes:
        yield path, f"{kind.name!r} has no outcome"
    yield from _of_rule(definition, kind.response, (*path, "response"))
    if kind.response.expires is None:
        yield (*path, "response"), "a referral that nobody answers would wait for ever: say when it 'expires'"
    if kind.service is not None:
        yield from _of_rule(definition, kind.service, (*path, "service"))


def _of_service_kind(kind: ReferralKind, service: str, path: Path) -> Found:
    if service not in domain.codes("service_kind"):
        yield (*path, "service_kind"), f"there is no kind of service {service!r}"
        return
    for number, name in enumerate(kind.agency_kinds):
        agency_kind = domain.agency_kinds().get(name)
        if agency_kind is not None and agency_kind.services and service not in agency_kind.services:
            given = ", ".join(agency_kind.services)
            yield (*path, "agency_kinds", number), f"no {name!r} gives the service {service!r}, only {given}"


def _of_guard(definition: Definition, guard: Guard | None, path: Path) -> Found:
    if guard is None:
        return
    recorded = _recorded(definition)
    for name in sorted(guard.asks - set(KNOWN)):
        if name not in definition.facts:
            near = f"facts, {CONSENTS}, {REFERRALS}, {COMPLETED}, {STAGE}"
            yield path, f"the condition asks for {name!r}: there are only {near}"
        elif name not in recorded:
            yield path, f"the condition asks for the fact {name!r}, which no step records"
    for name, value in guard.literals():
        values = _values(definition, name)
        if values is not None and value not in values:
            yield path, f"{name} is never {value!r}: it is one of {', '.join(values)}"
    for consent in guard.fields_of(CONSENTS):
        if consent not in definition.consents:
            yield path, f"there is no consent {consent!r}"


def _values(definition: Definition, name: str) -> Iterable[str] | None:
    if name in definition.facts:
        return definition.facts[name].values
    return {STAGE: tuple(definition.stages), "kind": tuple(definition.referrals), "state": OPEN}.get(name)


def _roles(names: Iterable[str], action: str, path: Path) -> Found:
    """Roles that there are not, or that the service would turn away whatever the definition says."""
    right = rights()[action]
    yield from _missing(names, ROLES, "role", path)
    for number, name in enumerate(names):
        if name in ROLES and name not in right.roles:
            yield (*path, number), f"{name!r} has no right to {action}, only {', '.join(right.roles)}"


def _missing(
    names: Iterable[str],
    known: Iterable[str] | Mapping[str, object],
    what: str,
    path: Path,
    *,
    listed: bool = True,
    keys: bool = False,
) -> Found:
    there = set(known)
    for number, name in enumerate(sorted(names) if keys else names):
        if name not in there:
            place = (*path, name) if keys else (*path, number) if listed else path
            yield place, f"there is no {what} {name!r}"
