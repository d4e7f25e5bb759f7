"""The pages of cases: the work queue, a case with what can be done next and its history, and the commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from services.cases import (
    agencies,
    command_pages,
    commands,
    definitions,
    lateness,
    people,
    records,
    rows,
    schemas,
    store,
    texts,
    words,
)
from services.cases.drawing import drawing
from services.cases.engine import Possible
from shared.access import current_actor, may, requires
from shared.vault import NotHeld
from shared.web import PAGE_SIZE, Page, Problem, current_foundation, page_number
from shared.web.labels import agency_label, language_of_texts

blueprint = Blueprint("cases", __name__, url_prefix="/cases")

FILTERS = ("stage", "severity", "kecamatan", "overdue", "awaiting", "waits_for_me", "whose")


@blueprint.app_context_processor
def words_of_the_workflow() -> dict[str, Any]:
    """What the templates need to show codes; the page of one case has those of its own version."""
    return {**words.of(definitions.current()), "glass_tally": records.glass_tally}


@blueprint.get("")
@requires("case.read")
def index() -> ResponseReturnValue:
    """The work queue."""
    question: dict[str, Any] = {name: request.args.get(name) or None for name in FILTERS}
    asked = {name: value for name, value in question.items() if value}
    errors = schemas.Queue().validate(asked)
    if errors:
        raise Problem(400, "bad_request", errors=errors)
    question |= schemas.Queue().load(asked)
    foundation = current_foundation()
    if not any(name in request.args for name in FILTERS):
        question["stage"] = definitions.current().begins
    number, database, actor = page_number(), foundation.database, current_actor()
    people.meet(database, actor)
    cases, total = store.queue(database, number, PAGE_SIZE, question, actor)
    workers = {each["_id"]: people.label(each) for each in people.to_choose(database)}
    chosen = question["whose"] if str(question["whose"]).startswith("account-") else None
    who = people.names(database, [chosen, *(each.get(name) for each in cases for name in ("assigned_to", "left_by"))])
    now = foundation.clock()
    return render_template(
        "cases/cases.html",
        page=Page(cases, number, total),
        rows=rows.of_cases(cases),
        question=question,
        who=who,
        workers={**workers, **({chosen: who[chosen]} if chosen else {})},
        may_take=bool(may(current_actor(), "case.take")),
        stages=[(name, texts.named(names, name)) for name, names in definitions.stages().items()],
        clock=lateness.look(foundation.database, now),
        now=now,
    )


@blueprint.get("/<number>")
@requires("case.read")
def show(number: str) -> ResponseReturnValue:
    """A case without identities."""
    return _page(records.case(number, "case.read"))


@blueprint.route("/<number>/commands/<command>", methods=["GET", "POST"])
@requires("case.act")
def give(number: str, command: str) -> ResponseReturnValue:
    """A command on the case: its form, and what came of it. `about` says what it is about."""
    case = records.case(number, "case.act")
    about = request.args.get("about", "")
    foundation, actor = current_foundation(), current_actor()
    choice: list[dict[str, Any]] = []
    referrals = definitions.of(case["workflow"]).referrals
    if command == commands.REQUEST and about in referrals:
        choice = agencies.to_choose(foundation.database, referrals[about], case["kecamatan"])
    if command == commands.ASSIGN:
        choice = people.to_choose(foundation.database, case["kecamatan"])
    asked = command_pages.Asked(
        command,
        about,
        case,
        case["version"],
        records.possible_on_case(case),
        url_for(".show", number=case["case_number"]),
        lambda version, order, sent: commands.act(foundation, actor, case["_id"], version, order, sent),
        choice,
    )
    return command_pages.give(asked, request.method == "POST")


@blueprint.post("/<number>/identities")
@requires("case.read_identity")
def identities(number: str) -> ResponseReturnValue:
    """A case with what identifies the child; the reading is audited before it is shown."""
    case = records.case_to_open(number)
    try:
        opened = records.identities(case, "case_page")
    except NotHeld:
        flash(_("What identifies the people in this case was erased."))
        return redirect(url_for(".show", number=number), 303)
    return _page(case, opened)


def _grouped(possible: Iterable[Possible]) -> list[tuple[str, list[Possible]]]:
    """The commands by group, in the order of the page; a group without any is left out."""
    them = list(possible)
    groups = [
        (_(title), [each for name in names for each in them if each.command == name]) for title, names in texts.GROUPS
    ]
    return [(title, commands) for title, commands in groups if commands]


def _diagram(case: Mapping[str, Any], history: Iterable[Mapping[str, Any]]) -> Markup:
    """The workflow with the case's place in it, drawn on the server; its texts are escaped there."""
    definition = definitions.of(case["workflow"])
    visited = {definition.begins, *(each["data"]["to_stage"] for each in history if "to_stage" in each["data"])}
    visited = visited & definition.stages.keys() - {case["stage"]}
    return Markup(drawing(definition, language_of_texts(), case["stage"], visited))  # noqa: S704


def _entries(history: Iterable[Mapping[str, Any]], who: Mapping[str, str]) -> list[dict[str, Any]]:
    """What happened, in the words of the version that the case was on then; the latest first."""
    told: list[dict[str, Any]] = []
    definition = definitions.current()
    for entry in history:
        if "workflow" in entry["data"]:
            version = f"{entry['data']['workflow']}@{entry['data']['workflow_version']}"
            definition = definitions.find(version) or definition
        told.append(
            {
                "at": entry["occurred_at"],
                "title": texts.event(definition, entry, who),
                "text": texts.event_detail(definition, entry),
            }
        )
    return told[::-1]


def _page(case: dict[str, Any], opened: Any = None) -> str:
    foundation, actor = current_foundation(), current_actor()
    may_act = bool(may(actor, "case.act", case))
    possible = records.possible_on_case(case)
    now = foundation.clock()
    history = store.history(foundation.database, case["_id"])
    had = (entry["data"].get("account_id") for entry in history if entry["type"] in ("case.assigned", "case.put_back"))
    who = people.names(foundation.database, [case["assigned_to"], case.get("left_by"), *had])
    return render_template(
        "cases/case.html",
        **words.of(definitions.of(case["workflow"])),
        case=case,
        others=store.others_of(foundation.database, case),
        possible=_grouped(each for each in possible if each.now and may_act),
        impossible=[each for each in possible if not each.now and may_act],
        agencies={each["_id"]: agency_label(each) for each in store.agencies_of(foundation.database, case)},
        identities=opened,
        may_open=bool(may(actor, "case.read_identity", case)),
        closed=records.why_closed(case),
        may_break=bool(may(actor, "break_glass.use")),
        may_audit=bool(may(actor, "audit.read")),
        diagram=_diagram(case, history),
        who=who,
        history=_entries(history, who),
        clock=lateness.look(foundation.database, now),
        now=now,
    )
