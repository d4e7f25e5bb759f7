"""What a request may touch: finds the case or referral, asks whether this actor may do this to it, and turns what a
command refuses into the answer. Used by pages and API alike, so that both refuse alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from services.cases import agencies, commands, definitions, glass, model, people, store, texts
from services.cases.engine import Definition, Possible, Refusal, available
from services.cases.engine.state import ACCEPTED, IN_SERVICE
from shared import domain
from shared.access import current_actor, may, permit
from shared.ids import read_number
from shared.journal import Command
from shared.vault import NotHeld, Opened
from shared.web import Problem, current_foundation

GIVES_SERVICE = (ACCEPTED, IN_SERVICE)
"""The states of a referral in which its agency may open who is meant."""


def case(reference: str, action: str) -> dict[str, Any]:
    """The case with this id or number, if the actor may do `action` to it. Raises Problem 404.

    It has `needed_by`, for the rights, and `grant`: that by which alone its identities are open to the actor, or None.
    """
    if not reference.startswith("case-"):
        reference = read_number(commands.NUMBER_LETTER, reference) or ""
    found = store.get(current_foundation().database, reference)
    if found is None:
        raise Problem(404, "not_found")
    actor = current_actor()
    found.setdefault("assigned_to", None)  # as it was stored before cases were assigned
    found["needed_by"], found["grant"] = model.needed_by(found, actor.id), None
    if may(actor, "break_glass.use") and not may(actor, "case.read_identity", found):
        foundation = current_foundation()
        found["grant"] = glass.live(foundation.database, actor.id, found["_id"], foundation.clock())
        if found["grant"] is not None:
            found["needed_by"].append(actor.id)
    permit(action, found)
    return found


def case_to_open(reference: str) -> dict[str, Any]:
    """The case, if its identities are open to the actor now. Raises Problem 404, or 403 with why they are closed: that
    the case exists is no secret to whoever reads cases."""
    found = case(reference, "case.read")
    closed = why_closed(found)
    if closed is not None:
        raise closed
    permit("case.read_identity", found)
    return found


def why_closed(found: Mapping[str, Any]) -> Problem | None:
    """Why the identities of a case are closed to the actor, who may open those of others; None if they are not.

    `glass_closed`: nothing in it waits for a supervisor; `elsewhere`: it is of no area of theirs; `taken_by_another`: a
    colleague has it (`assigned_to`), from whom it can be taken over.
    """
    actor = current_actor()
    decision = may(actor, "case.read_identity", found)
    if decision.reason != "out_of_scope":
        return None
    if decision.scope == "needed":
        return Problem(403, "glass_closed", detail=texts.closed("glass_closed"))
    if not actor.works_in(found["kecamatan"]):
        return Problem(403, "elsewhere", detail=texts.closed("elsewhere"))
    holder = found["assigned_to"]
    who = people.names(current_foundation().database, [holder]).get(holder, "")
    return Problem(
        403,
        "taken_by_another",
        detail=texts.closed("taken_by_another", who=who),
        extra={"assigned_to": holder},
    )


def grant(grant_id: str, action: str) -> dict[str, Any]:
    """The grant of break-glass with this id, if the actor may do `action` to it. Raises Problem 404."""
    found = glass.get(current_foundation().database, grant_id)
    if found is None:
        raise Problem(404, "not_found")
    permit(action, {**found, "owner": found["account_id"]})
    return found


def break_glass(case: Mapping[str, Any], reason: str, key: Command | None) -> dict[str, Any]:
    """Breaks the glass of a case that is closed to the actor, and returns the grant. Raises Problem 409."""
    foundation, actor = current_foundation(), current_actor()
    if case["grant"] is None and may(actor, "case.read_identity", case):
        raise Problem(409, "open_anyway", detail=texts.glass("open_anyway"))
    with glass_refusals():
        answer = glass.begin(foundation, actor, case, reason, key)
    return grant(answer["grant_id"], "break_glass.use")


def glass_tally() -> glass.Tally | None:
    """What there is to see of broken glass, for those who may see it; None for all others."""
    if not may(current_actor(), "break_glass.read"):
        return None
    foundation = current_foundation()
    return glass.tally(foundation.database, foundation.clock())


def referral(referral_id: str, action: str) -> dict[str, Any]:
    """The referral with this id, if the actor may do `action` to it. Raises Problem 404."""
    found = store.get_referral(current_foundation().database, referral_id)
    if found is None:
        raise Problem(404, "not_found")
    permit(action, found)
    return found


def own_agency(action: str) -> str | None:
    """The agency to which this actor's right to `action` is limited; None if it reaches every agency."""
    actor = current_actor()
    return None if may(actor, action).scope == "any" else actor.agency_id or "none"


def possible(found: Mapping[str, Any]) -> list[Possible]:
    """Every command on a case, with what stands in this actor's way."""
    foundation, actor, definition = current_foundation(), current_actor(), definitions.of(found["workflow"])
    _, state = store.read(foundation.database, found)
    return available(definition, state, actor, foundation.clock(), works_for([definition]))


def works_for(workflows: Iterable[Definition]) -> str | None:
    """The kind of agency that this actor works for, where one of these workflows has steps for some kinds only; else
    nobody asks."""
    asked = any(step.agency_kinds for definition in workflows for step in definition.steps.values())
    return agencies.works_for(current_foundation().database, current_actor()) if asked else None


def possible_on_case(found: Mapping[str, Any]) -> list[Possible]:
    """The same without what only agencies do to their referrals."""
    return [each for each in possible(found) if each.command not in commands.OF_AN_AGENCY]


def known_to_agency(found: Mapping[str, Any]) -> dict[str, Any]:
    """What an agency knows of the case of its referral, for the words of its commands."""
    return {
        "case_number": found["case_number"],
        "workflow": found["workflow"],
        "referrals": [{"referral_id": found["_id"], "kind": found["kind"]}],
        "awaited": None,
        "tasks": [],
    }


def possible_on_referral(found: Mapping[str, Any]) -> list[Possible]:
    """Every command of an agency on its referral, with what stands in this actor's way."""
    whole = store.get(current_foundation().database, found["case_id"])
    if whole is None:
        raise Problem(404, "not_found")
    return [each for each in possible(whole) if each.subject == found["_id"] and each.command in commands.OF_AN_AGENCY]


def identities(found: Mapping[str, Any], purpose: str) -> dict[str, Any]:
    """What identifies the child, and what its report says. Each opening is audited before anything is returned, with
    its grounds, and one through broken glass is audited as that (`break_glass.<id>` in the place of `purpose`) and
    counted.

    `erased` says that the child's identity was erased; the report's is shown then. Raises vault.NotHeld if nothing is
    held of either.
    """
    vault, actor, grant = current_foundation().sealed, current_actor(), found["grant"]
    child, erased = Opened({}, []), False
    basis = may(actor, "case.read_identity", found).basis
    if grant is not None:
        basis = "glass"
        purpose = grant["_id"].replace("grant-", "break_glass.")
    report = vault.open_readable(actor, found["report_id"], purpose, basis)
    if found["person_id"]:
        try:
            child = vault.open_readable(actor, found["person_id"], purpose, basis)
        except NotHeld:
            erased = True
    if grant is not None:
        with glass_refusals():
            glass.use(current_foundation(), actor, grant["_id"], len(child.values) + len(report.values))
    return {
        "child": child.values,
        "report": report.values,
        "closed": {"child": child.closed, "report": report.closed},
        "erased": erased,
    }


def referred(found: Mapping[str, Any], purpose: str) -> dict[str, dict[str, str]]:
    """What a referral tells of the child and the report: what its kind lets the agency see, no more. Audited.

    Raises Problem 404 unless the agency gives the service just now, vault.NotHeld if it was erased.
    """
    whole = store.get(current_foundation().database, found["case_id"])
    if whole is None or found["state"] not in GIVES_SERVICE:
        raise Problem(404, "not_found")
    sees = definitions.of(whole["workflow"]).referrals[found["kind"]].sees
    opened: dict[str, dict[str, str]] = {"child": {}, "report": {}}
    for part, owner, subject in (("child", "person", whole["person_id"]), ("report", "report", whole["report_id"])):
        granted = [name for name in sees if name in domain.identifying_fields(owner)]
        if granted and subject:
            opened[part] = current_foundation().sealed.open_granted(current_actor(), subject, granted, purpose)
    return opened


@contextmanager
def refusals(found: Mapping[str, Any]) -> Iterator[None]:
    """Turns what a command on a case or referral refuses into the answer to the request."""
    try:
        yield
    except commands.Refused as refused:
        raise problem(definitions.of(found["workflow"]), refused.refusal) from None
    except commands.Unknown:
        raise Problem(404, "not_found") from None


@contextmanager
def glass_refusals() -> Iterator[None]:
    """Turns what is refused of breaking the glass into the answer to the request."""
    try:
        yield
    except glass.Refused as refused:
        status = 403 if refused.code == "own_grant" else 409
        raise Problem(status, refused.code, detail=texts.glass(refused.code)) from None
    except glass.Unknown:
        raise Problem(404, "not_found") from None


def problem(definition: Definition, refusal: Refusal) -> Problem:
    """The answer to a command that is not possible: 403 for who may not, 422 for a value, 409 for the state."""
    errors: dict[str, list[str]] = {}
    for each in refusal.reasons:
        field = f"facts.{each.about['fact']}" if each.code in texts.OF_FACTS else texts.FIELDS.get(each.code)
        if field:
            errors.setdefault(field, []).append(texts.reason(definition, each))
    others = [each for each in refusal.reasons if each.code not in texts.FIELDS and each.code not in texts.OF_FACTS]
    if not others:
        return Problem(422, "invalid", errors)
    mine = all(each.code in texts.OF_THE_ACTOR for each in others)
    reasons = [{"code": each.code, "message": texts.reason(definition, each)} for each in others]
    holder = next((each.about["who"] for each in others if each.code == "claimed_by_another"), None)
    return Problem(
        403 if mine else 409,
        "forbidden" if mine else "not_possible_now",
        detail=" ".join(each["message"] for each in reasons),
        extra={"reasons": reasons, **({"claimed_by": holder} if holder else {})},
    )
