"""The links of the service navigation: one list for all services, each shown to those who may use it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, request
from flask_babel import gettext

from shared.access import ANONYMOUS, Actor, may
from shared.web.language import N_, page_url


@dataclass(frozen=True)
class Link:
    """`label` is a msgid, `path` an address without the language, `action` what one must be allowed to do."""

    label: str
    path: str
    action: str


NAVIGATION = (
    Link(N_("Reports"), "/reports", "report.read"),
    Link(N_("Cases"), "/cases", "case.read"),
    Link(N_("Referrals"), "/referrals", "referral.read"),
    Link(N_("Dashboard"), "/dashboard", "indicator.read"),
    Link(N_("Notifications"), "/subscriptions", "subscription.read"),
    Link(N_("Agencies"), "/agencies", "agency.read"),
    Link(N_("Companies"), "/companies", "company.read"),
    Link(N_("Staff"), "/people", "person.manage"),
    Link(N_("Accounts"), "/accounts", "account.manage"),
    Link(N_("Who has looked"), "/audit", "audit.read"),
    Link(N_("Break-glass"), "/break-glass", "break_glass.read"),
)


def actor_of_page() -> Actor:
    """The actor of this request; anonymous also where a request failed before anybody was identified."""
    found = g.get("actor")
    return found if isinstance(found, Actor) else ANONYMOUS


def navigation() -> list[dict[str, object]]:
    """The links that this request's actor may use, in the form of govuk-frontend's service navigation."""
    actor = actor_of_page()
    here = request.path
    return [
        {
            "text": gettext(link.label),
            "href": page_url(link.path),
            "current": here == page_url(link.path),
            "active": here.startswith(page_url(link.path) + "/"),
        }
        for link in NAVIGATION
        if may(actor, link.action).allowed
    ]
