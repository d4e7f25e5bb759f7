"""The words of directory that stand in tables: names of roles, reasons of refusals, names of fields.

Codes of agency kinds, places and forms of partnership have their names in shared/domain.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext

from shared.web.labels import ROLE_NAMES as ROLES
from shared.web.language import N_

ROLE_DUTIES = {
    "intake_clerk": N_("Registers reports and finds them again."),
    "case_worker": N_("Screens cases and sees them through."),
    "supervisor": N_("Sees all reports and cases, and helps partner agencies to connect."),
    "partner_agency": N_("Receives notifications for its own agency."),
    "analyst": N_("Reads indicators, never a case."),
    "administrator": N_("Keeps agencies and accounts, and never sees a case."),
}

OWNERSHIPS = {
    "municipal": N_("Owned by the city (BUMD)"),
    "private": N_("Private"),
}

REASONS = {
    "too_short": N_("The password must have at least 12 characters."),
    "too_long": N_("The password must have at most 128 characters."),
    "easy_to_guess": N_(
        "This password is easy to guess. Choose a few words that have nothing to do with each other, with you or with "
        "your work."
    ),
    "agency_needed": N_("A partner agency's account needs an agency. Choose the person's agency first."),
    "agency_has_accounts": N_("This agency still has open accounts. Close them first."),
    "not_of_this_kind": N_("An agency of this kind does not give every service that is chosen. Choose fewer, or none."),
    "unknown_agency": N_("Choose an agency that is still active."),
    "unknown_person": N_("Choose a person from the list of staff."),
    "has_account": N_("This person has an account already."),
    "email_taken": N_("Another person has this e-mail address."),
    "administrator_exists": N_("An administrator is there already."),
    "link_over": N_("This link is not valid any more. Ask your administrator for a new one."),
    "own_binding": N_("Ask another administrator to match your own account anew."),
    "own_second_factor": N_("Turn your own second factor off on your own page, or ask another administrator."),
    "invalid": N_("This cannot be accepted."),
    "last_administrator": N_("The last administrator must stay. Give another account this role first."),
}

#: The answer to a wrong code, and to one that was used before.
WRONG_CODE = N_("This code is wrong or was used already. Wait for the next one.")


def role_name(role: str) -> str:
    """What a role is called, in the language of the request."""
    return gettext(ROLES[role])


def ownership_name(ownership: str) -> str:
    """What a form of ownership is called, in the language of the request."""
    return gettext(OWNERSHIPS[ownership])


def errors(reasons: Mapping[str, str]) -> dict[str, list[str]]:
    """The errors of a refused command by field, in the language of the request."""
    return {field: [gettext(REASONS[code])] for field, code in reasons.items()}
