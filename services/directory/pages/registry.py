"""Pages of agencies and of companies: list, detail, new, change. Everybody may read them, few may change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from services.directory import commands, schemas
from services.directory.forms import (
    AgencyForm,
    ChangedAgencyForm,
    ChangedCompanyForm,
    CompanyForm,
    EntryForm,
    filled,
)
from services.directory.pages.parts import Save, button, form_page, found, link, list_page, state_tag
from services.directory.texts import ownership_name
from shared.access import current_actor, requires
from shared.domain import areas_served, services_given
from shared.journal import Command
from shared.web import current_foundation, page_url
from shared.web.labels import label

agencies = Blueprint("agencies", __name__, url_prefix="/agencies")
companies = Blueprint("companies", __name__, url_prefix="/companies")


@agencies.get("")
@requires("agency.read")
def list_agencies() -> ResponseReturnValue:
    page = list_page("agency", {})
    rows = [
        [
            link(entry["name"], f"/agencies/{entry['_id']}"),
            label("agency_kind", entry["kind"]),
            _areas(entry),
            state_tag(entry["active"]),
        ]
        for entry in page.items
    ]
    return render_template(
        "directory/list.html",
        title=gettext("Agencies"),
        page=page,
        headers=[gettext("Name"), gettext("Kind of agency"), gettext("Areas it serves"), gettext("State")],
        rows=rows,
        empty=gettext("No agency is registered yet."),
        new=button("/agencies/new", gettext("Register an agency"), "agency.manage"),
    )


@agencies.get("/<agency_id>")
@requires("agency.read")
def show_agency(agency_id: str) -> ResponseReturnValue:
    entry = found("agency", agency_id)
    rows = [
        {"key": gettext("Kind of agency"), "value": label("agency_kind", entry["kind"])},
        {"key": gettext("Services it gives"), "value": _services(entry)},
        {"key": gettext("Areas it serves"), "value": _areas(entry)},
        {"key": gettext("Referrals at a time"), "value": _capacity(entry)},
        {"key": gettext("Kecamatan of its office"), "value": _place(entry)},
        {"key": gettext("Telephone"), "value": entry["phone"] or gettext("Not given")},
        {"key": gettext("E-mail address"), "value": entry["email"] or gettext("Not given")},
        {"key": gettext("State"), "value": state_tag(entry["active"])},
    ]
    return _detail(entry, rows, "/agencies", gettext("Agency"), gettext("Change this agency"), "agency.manage")


@agencies.route("/new", methods=["GET", "POST"])
@requires("agency.manage")
def new_agency() -> ResponseReturnValue:
    form = AgencyForm()
    save = _save("agency", None, form, "/agencies")
    title = gettext("Register an agency")
    return form_page(form, schemas.AgencyFacts(), save, title=title, back="/agencies")


@agencies.route("/<agency_id>/edit", methods=["GET", "POST"])
@requires("agency.manage")
def change_agency(agency_id: str) -> ResponseReturnValue:
    entry = found("agency", agency_id)
    form = filled(ChangedAgencyForm, entry)
    save = _save("agency", entry, form, "/agencies")
    title, back = gettext("Change an agency"), f"/agencies/{entry['_id']}"
    return form_page(form, schemas.AgencyChange(partial=True), save, title=title, back=back, caption=entry["name"])


@companies.get("")
@requires("company.read")
def list_companies() -> ResponseReturnValue:
    page = list_page("company", {})
    rows = [
        [
            link(entry["name"], f"/companies/{entry['_id']}"),
            ownership_name(entry["ownership"]),
            _partnership(entry),
            state_tag(entry["active"]),
        ]
        for entry in page.items
    ]
    return render_template(
        "directory/list.html",
        title=gettext("Companies"),
        page=page,
        headers=[gettext("Name"), gettext("Owner"), gettext("Forms of partnership"), gettext("State")],
        rows=rows,
        empty=gettext("No company is registered yet."),
        new=button("/companies/new", gettext("Register a company"), "company.manage"),
    )


@companies.get("/<company_id>")
@requires("company.read")
def show_company(company_id: str) -> ResponseReturnValue:
    entry = found("company", company_id)
    rows = [
        {"key": gettext("Owner"), "value": ownership_name(entry["ownership"])},
        {"key": gettext("Forms of partnership"), "value": _partnership(entry)},
        {"key": gettext("Where it works"), "value": _area(entry["kecamatan"])},
        {"key": gettext("State"), "value": state_tag(entry["active"])},
    ]
    return _detail(entry, rows, "/companies", gettext("Company"), gettext("Change this company"), "company.manage")


@companies.route("/new", methods=["GET", "POST"])
@requires("company.manage")
def new_company() -> ResponseReturnValue:
    form = CompanyForm()
    save = _save("company", None, form, "/companies")
    title = gettext("Register a company")
    return form_page(form, schemas.CompanyFacts(), save, title=title, back="/companies")


@companies.route("/<company_id>/edit", methods=["GET", "POST"])
@requires("company.manage")
def change_company(company_id: str) -> ResponseReturnValue:
    entry = found("company", company_id)
    form = filled(ChangedCompanyForm, entry)
    save = _save("company", entry, form, "/companies")
    title, back = gettext("Change a company"), f"/companies/{entry['_id']}"
    return form_page(form, schemas.CompanyChange(partial=True), save, title=title, back=back, caption=entry["name"])


def _detail(
    entry: Mapping[str, Any], rows: list[dict[str, Any]], folder: str, caption: str, change: str, action: str
) -> ResponseReturnValue:
    return render_template(
        "directory/detail.html",
        title=entry["name"],
        caption=caption,
        rows=rows,
        back=page_url(folder),
        change=button(f"{folder}/{entry['_id']}/edit", change, action),
    )


def _save(thing: str, entry: Mapping[str, Any] | None, form: EntryForm, folder: str) -> Save:
    """Writes a new entry, or the change of one, and opens its page."""

    def save(facts: Mapping[str, Any], command: Command | None) -> str:
        foundation, actor = current_foundation(), current_actor()
        if entry is None:
            answer = commands.register(foundation, actor, thing, facts, command)
        else:
            version = form.expected_version()
            answer = commands.change(foundation, actor, thing, entry["_id"], version, facts, command)
        return f"{folder}/{answer['id']}"

    return save


def _area(kecamatan: str | None) -> str:
    return label("kecamatan", kecamatan) if kecamatan else gettext("The whole city")


def _services(entry: Mapping[str, Any]) -> str:
    """The services that are given, also when that is all that the agency's kind may give."""
    names = [label("service_kind", code) for code in services_given(entry)]
    return ", ".join(names) or gettext("None yet")


def _areas(entry: Mapping[str, Any]) -> str:
    names = [label("kecamatan", code) for code in areas_served(entry)]
    return ", ".join(names) or gettext("The whole city")


def _capacity(entry: Mapping[str, Any]) -> str:
    return gettext("No limit") if entry["capacity"] is None else str(entry["capacity"])


def _place(entry: Mapping[str, Any]) -> str:
    return label("kecamatan", entry["kecamatan"]) if entry["kecamatan"] else gettext("Not given")


def _partnership(entry: Mapping[str, Any]) -> str:
    names = [label("partnership", code) for code in entry["partnership"]]
    return ", ".join(names) or gettext("None yet")
