"""The words of notifications that do not stand in a template: names of codes, and why something was refused."""

from __future__ import annotations

from services.notifications import model, store
from shared.web.language import N_

EVENT_TYPES = {
    "case.opened": N_("A case was opened"),
    "case.step_taken": N_("A step was taken in a case"),
    "case.deadline_breached": N_("A deadline passed"),
    "referral.requested": N_("Something was asked of your agency"),
    "referral.revoked": N_("A referral to your agency was taken back"),
    "referral.expired": N_("A referral to your agency was not answered in time"),
    model.TEST_MESSAGE: N_("Test message"),
}

# code of `guard.Refused` -> what to say at the field
REFUSALS = {
    "url_malformed": N_("Enter a full address, such as https://example.org/webhook."),
    "url_credentials": N_("Leave user name and password out of the address."),
    "url_not_https": N_("The address must begin with https://."),
    "host_unresolvable": N_("This name cannot be found on the internet. Check it for typing errors."),
    "address_forbidden": N_("This address lies inside a private network. Use one that is public on the internet."),
}

DISABLED_REASONS = {
    model.REQUESTED: N_("Somebody switched it off."),
    model.SCHEDULE_EXHAUSTED: N_("The receiver did not accept a message for three days, so we stopped sending."),
    model.ENDPOINT_GONE: N_("The receiver answered 410: it asks not to be called any more."),
    model.AGENCY_CLOSED: N_("The agency was closed."),
    model.ACCOUNT_CLOSED: N_(
        "The account of whoever entered this address was closed. Check that the address is right."
    ),
}

# state of a delivery -> (name, tone of its tag)
STATES = {
    store.DUE: (N_("Waiting"), "information"),
    store.DELIVERED: (N_("Delivered"), "good"),
    store.FAILED: (N_("Failed"), "danger"),
    store.CANCELLED: (N_("Cancelled"), "neutral"),
}

# class of an attempt's error -> what it means
ERRORS = {
    "timeout": N_("No answer in time"),
    "tls": N_("The certificate was not accepted"),
    "connection": N_("No connection"),
    "protocol": N_("The answer was not HTTP"),
    "secret_unreadable": N_("The secret cannot be read any more: make a new one"),
    **REFUSALS,
}

AGENCY_UNKNOWN = N_("Choose an agency that is active.")
AGENCY_CLOSED = N_("The agency is closed.")
HELD = N_("The subscription is disabled. Enable it first.")
