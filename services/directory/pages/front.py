"""The first page, signing in and signing out. It shows what a role can do; the rights themselves are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup

from services.directory import sessions, signing_in
from services.directory.forms import SignInForm
from services.directory.pages.parts import leave
from services.directory.pages.provider import configured
from services.directory.pages.second_step import lead_on, signed_in
from services.directory.seed import DEMONSTRATION_ACCOUNTS
from services.directory.texts import ROLE_DUTIES, role_name
from services.directory.throttle import TooManyAttempts
from shared.access import current_actor, may, public, requires
from shared.access.web import safe_next
from shared.web import current_foundation, page_url
from shared.web.language import N_

front = Blueprint("front", __name__)


@dataclass(frozen=True)
class Card:
    """One thing to do: `title` and `text` are msgids, `action` is what one must be allowed to do."""

    title: str
    text: str
    path: str
    action: str


CARDS = (
    Card(
        N_("Register a report"),
        N_("Somebody tells of a child who works. Write it down while they speak."),
        "/reports/new",
        "report.register",
    ),
    Card(N_("Find a report"), N_("By its number, or in the list of the latest."), "/reports", "report.read"),
    Card(N_("Open the queue of cases"), N_("The most urgent first, with their deadlines."), "/cases", "case.read"),
    Card(
        N_("Broken glass"),
        N_("Who has opened a case that was closed to them, and what waits for your review."),
        "/break-glass",
        "break_glass.read",
    ),
    Card(N_("See the numbers"), N_("Reports and open cases by kecamatan and month."), "/dashboard", "indicator.read"),
    Card(
        N_("Connect your system"),
        N_("Have your agency told of cases, and see what was delivered."),
        "/subscriptions",
        "subscription.read",
    ),
    Card(N_("Agencies"), N_("Who is part of the referral network."), "/agencies", "agency.read"),
    Card(N_("Companies"), N_("The partners of APSAI and how they help."), "/companies", "company.read"),
    Card(N_("Staff"), N_("Who works where."), "/people", "person.manage"),
    Card(N_("Accounts"), N_("Who may sign in, and as what."), "/accounts", "account.manage"),
    Card(
        N_("Where you are signed in"),
        N_("See your devices, and sign out on one that is lost."),
        "/sessions",
        "session.read",
    ),
    Card(
        N_("Colleagues' sessions"),
        N_("Sign out a colleague whose device is lost."),
        "/sessions/colleagues",
        "session.end_others",
    ),
    Card(
        N_("Second factor"),
        N_("Sign in with a code from your telephone as well: a stolen password is not enough then."),
        "/second-factor",
        "second_factor.manage",
    ),
    Card(
        N_("E-mail of the morning"),
        N_("On working days: how much waits for you, and where. Choose its language, or none."),
        "/morning-email",
        "morning_email.choose",
    ),
)

#: Pieces of other services' pages, which the browser asks for (directory asks no service), and what one must be allowed
#: to do.
PIECES = (("/break-glass/tally", "break_glass.read"),)

FIRST_STEPS = {
    "intake_clerk": (
        N_("Register a report. What you do not know may stay empty."),
        N_("Note the report's number: with it you find the report again."),
    ),
    "case_worker": (
        N_("Open the queue of cases and take the one at the top."),
        N_("Read what was reported, then screen the case: it decides how fast help must come."),
    ),
    "supervisor": (
        N_("See in the queue of cases which deadlines are near."),
        N_("Compare the numbers of the kecamatan."),
    ),
    "partner_agency": (
        N_("Connect your system: give the address that shall be told of cases."),
        N_("Send a test notification and look at its log."),
    ),
    "analyst": (
        N_("Open the numbers and choose a period."),
        N_("Small numbers are hidden, so that no child can be recognised."),
    ),
    "administrator": (
        N_("Register the agencies of your network."),
        N_("Add the staff, then open an account for each of them."),
    ),
}


@front.get("/")
@requires("home.read")
def home() -> ResponseReturnValue:
    actor = current_actor()
    cards = [
        {"title": gettext(card.title), "text": gettext(card.text), "href": page_url(card.path)}
        for card in CARDS
        if may(actor, card.action)
    ]
    return render_template(
        "directory/home.html",
        role=role_name(actor.role),
        duty=gettext(ROLE_DUTIES[actor.role]),
        cards=cards,
        pieces=[path for path, action in PIECES if may(actor, action)],
        steps=[gettext(step) for step in FIRST_STEPS[actor.role]],
    )


@front.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    target = safe_next(request.args.get("next")) or page_url("/")
    form = SignInForm()
    status, headers = 200, {}
    if request.method == "POST" and not form.validate_on_submit():
        status = 422
    elif request.method == "POST":
        try:
            begun = signing_in.sign_in(
                current_foundation(),
                str(form.email.data),
                str(form.password.data),
                request.remote_addr or "",
                previous=request.cookies.get(sessions.COOKIE),
                user_agent=request.user_agent.string,
            )
        except signing_in.SecondFactorNeeded as needed:
            return lead_on(needed, request.args.get("next"))
        except signing_in.WrongCredentials:
            form.email.errors = [gettext("The e-mail address or the password is wrong.")]
            status = 422
        except TooManyAttempts as error:
            minutes = -(-error.retry_after // 60)
            form.email.errors = [gettext("Too many wrong attempts. Try again in %(minutes)s minutes.", minutes=minutes)]
            status, headers = 429, {"Retry-After": str(error.retry_after)}
        else:
            return signed_in(redirect(target, 303), begun)
    elif current_actor().is_authenticated:
        return redirect(target, 303)
    page = render_template(
        "directory/sign_in.html", form=form, accounts=_accounts_to_try(), provider=_provider_button(target)
    )
    return page, status, headers


@front.get("/sign-out")
@requires("session.delete")
def ask_to_sign_out() -> ResponseReturnValue:
    return render_template("directory/sign_out.html")


@front.post("/sign-out")
@requires("session.delete")
def sign_out() -> ResponseReturnValue:
    sessions.sign_out(current_foundation(), current_actor())
    return leave(gettext("You are signed out."))


def _provider_button(target: str) -> dict[str, str] | None:
    """The link to the office's own provider, where there is one."""
    provider = configured()
    if provider is None:
        return None
    text = gettext("Sign in with %(provider)s", provider=provider.name)
    return {"text": text, "href": page_url("/sign-in/provider") + "?" + urlencode({"next": target})}


def _accounts_to_try() -> list[list[str]]:
    """The demonstration's accounts, a row each; none on a live instance."""
    if not current_foundation().settings.demonstration:
        return []
    data = Markup('<span translate="no">{}</span>')
    return [
        [role_name(account.role), data.format(account.email), data.format(account.password)]
        for account in DEMONSTRATION_ACCOUNTS
    ]
