"""Directory's JSON: agencies, companies, people, accounts, sessions, the audit log, and the exchange for the proxy.

A list has `items`, `page`, `page_size` and `total`. A change names the version it knows in If-Match.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Blueprint as Pages
from flask import Response, current_app, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from flask_babel import gettext

from services.directory import (
    account_help,
    commands,
    links,
    looks,
    schemas,
    second_factor,
    sessions,
    signing_in,
    store,
    texts,
)
from services.directory.texts import WRONG_CODE
from services.directory.throttle import TooManyAttempts
from shared.access import current_actor, may, permit, public, requires
from shared.access.tokens import AUTH_HEADER, HEADER
from shared.journal import Command
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, command, etag, expected_version
from shared.web.language import language_of_request

agencies = Blueprint("agencies-api", __name__, url_prefix="/agencies", description="Agencies of the referral network.")
companies = Blueprint("companies-api", __name__, url_prefix="/companies", description="Companies of APSAI.")
people = Blueprint("people-api", __name__, url_prefix="/people", description="Staff of the agencies.")
accounts = Blueprint("accounts-api", __name__, url_prefix="/accounts", description="Who may sign in, and as what.")
session = Blueprint("sessions-api", __name__, url_prefix="/sessions", description="Signing in and out.")
audit = Blueprint("audit-api", __name__, url_prefix="/audit", description="Who has looked at whose identity.")
internal = Pages("internal", __name__)

BLUEPRINTS = [agencies, companies, people, accounts, session, audit]

#: An entry as stored, the status, and the headers.
Answer = tuple[Mapping[str, Any], int, dict[str, str]]


def repeatable() -> Command | None:
    """The command of this request, if it has an Idempotency-Key."""
    return command(current_foundation().settings.secret_key)


def listed(thing: str, paging: Mapping[str, Any], **question: Any) -> dict[str, Any]:
    """One page of a kind of entry, as the lists answer it."""
    number, size = paging["page"], paging["page_size"]
    items, total = store.page(current_foundation().database, thing, question, number, size)
    return {"items": items, "page": number, "page_size": size, "total": total}


def found(thing: str, identifier: str) -> dict[str, Any]:
    """The entry, or Problem 404."""
    entry = store.get(current_foundation().database, thing, identifier)
    if entry is None:
        raise Problem(404, "not_found")
    return entry


def shown(thing: str, identifier: str, status: int = 200) -> Answer:
    """The answer that shows an entry, with its ETag."""
    entry = found(thing, identifier)
    headers = etag(entry["version"])
    if status == 201:
        headers["Location"] = f"{request.path}/{identifier}"
    return entry, status, headers


def _filters(paging: Mapping[str, Any]) -> dict[str, Any]:
    return {field: paging[field] for field in ("active", "kind") if field in paging}


def begun(signed_in: sessions.SignedIn) -> dict[str, Any]:
    """A new session as it is answered."""
    return {"token": signed_in.token, "expires_at": signed_in.expires_at}


@contextmanager
def refusals() -> Iterator[None]:
    """What may come in the way of signing in, as problems."""
    try:
        yield
    except TooManyAttempts as error:
        raise Problem(429, "too_many_requests", headers={"Retry-After": str(error.retry_after)}) from None
    except signing_in.WrongCredentials:
        detail = gettext("The e-mail address or the password is wrong.")
        raise Problem(401, "wrong_credentials", detail=detail) from None
    except signing_in.SecondFactorNeeded as needed:
        if needed.set_up:
            detail = gettext("Your role needs a second factor. Sign in with a browser to set it up.")
            raise Problem(401, "second_factor_not_set_up", detail=detail) from None
        extra = {"challenge": needed.challenge, "expires_at": needed.expires_at.isoformat()}
        detail = gettext("The password is right. Enter the code of your authenticator app.")
        raise Problem(401, "second_factor_needed", detail=detail, extra=extra) from None
    except signing_in.ChallengeOver:
        detail = gettext("This sign-in took too long or is finished. Begin again.")
        raise Problem(401, "challenge_over", detail=detail) from None
    except second_factor.WrongCode:
        raise Problem(401, "wrong_code", detail=gettext(WRONG_CODE)) from None


@agencies.route("")
class Agencies(MethodView):
    @agencies.arguments(schemas.AgencyPaging, location="query")
    @agencies.response(200, schemas.list_of(schemas.Agency))
    @requires("agency.read")
    def get(self, paging: dict[str, Any]) -> Any:
        """List agencies by name."""
        return listed("agency", paging, **_filters(paging))

    @agencies.arguments(schemas.AgencyFacts)
    @agencies.response(201, schemas.Agency)
    @agencies.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("agency.manage")
    def post(self, facts: dict[str, Any]) -> Answer:
        """Register an agency."""
        answer = commands.register(current_foundation(), current_actor(), "agency", facts, repeatable())
        return shown("agency", answer["id"], 201)


@agencies.route("/<string:agency_id>")
class Agency(MethodView):
    @agencies.response(200, schemas.Agency)
    @requires("agency.read")
    def get(self, agency_id: str) -> Answer:
        """Get one agency."""
        return shown("agency", agency_id)

    @agencies.arguments(schemas.AgencyChange(partial=True))
    @agencies.response(200, schemas.Agency)
    @agencies.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("agency.manage")
    def patch(self, changes: dict[str, Any], agency_id: str) -> Answer:
        """Change fields of an agency."""
        version = expected_version()
        commands.change(current_foundation(), current_actor(), "agency", agency_id, version, changes, repeatable())
        return shown("agency", agency_id)


@companies.route("")
class Companies(MethodView):
    @companies.arguments(schemas.ActivePaging, location="query")
    @companies.response(200, schemas.list_of(schemas.Company))
    @requires("company.read")
    def get(self, paging: dict[str, Any]) -> Any:
        """List companies by name."""
        return listed("company", paging, **_filters(paging))

    @companies.arguments(schemas.CompanyFacts)
    @companies.response(201, schemas.Company)
    @companies.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("company.manage")
    def post(self, facts: dict[str, Any]) -> Answer:
        """Register a company."""
        answer = commands.register(current_foundation(), current_actor(), "company", facts, repeatable())
        return shown("company", answer["id"], 201)


@companies.route("/<string:company_id>")
class Company(MethodView):
    @companies.response(200, schemas.Company)
    @requires("company.read")
    def get(self, company_id: str) -> Answer:
        """Get one company."""
        return shown("company", company_id)

    @companies.arguments(schemas.CompanyChange(partial=True))
    @companies.response(200, schemas.Company)
    @companies.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("company.manage")
    def patch(self, changes: dict[str, Any], company_id: str) -> Answer:
        """Change fields of a company."""
        version = expected_version()
        commands.change(current_foundation(), current_actor(), "company", company_id, version, changes, repeatable())
        return shown("company", company_id)


@people.route("")
class People(MethodView):
    @people.arguments(schemas.Paging, location="query")
    @people.response(200, schemas.list_of(schemas.Person))
    @requires("person.read")
    def get(self, paging: dict[str, Any]) -> Any:
        """List the staff that you may see, by name."""
        actor = current_actor()
        if may(actor, "person.read").scope == "any":
            return listed("person", paging)
        own = store.get(current_foundation().database, "account", actor.id)
        return listed("person", paging, _id=own["person_id"] if own else None)

    @people.arguments(schemas.PersonFacts)
    @people.response(201, schemas.Person)
    @people.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("person.manage")
    def post(self, facts: dict[str, Any]) -> Answer:
        """Register a member of staff."""
        answer = commands.register_person(current_foundation(), current_actor(), facts, repeatable())
        return shown("person", answer["id"], 201)


@people.route("/<string:person_id>")
class Person(MethodView):
    @people.response(200, schemas.Person)
    @requires("person.read")
    def get(self, person_id: str) -> Answer:
        """Get one member of staff."""
        account = store.account_of_person(current_foundation().database, person_id)
        permit("person.read", {"owner": account["_id"] if account else None})
        return shown("person", person_id)

    @people.arguments(schemas.PersonChange(partial=True))
    @people.response(200, schemas.Person)
    @people.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("person.manage")
    def patch(self, changes: dict[str, Any], person_id: str) -> Answer:
        """Change a member of staff; their account follows."""
        version = expected_version()
        commands.change_person(current_foundation(), current_actor(), person_id, version, changes, repeatable())
        return shown("person", person_id)


@accounts.route("")
class Accounts(MethodView):
    @accounts.arguments(schemas.ActivePaging, location="query")
    @accounts.response(200, schemas.list_of(schemas.Account))
    @requires("account.read")
    def get(self, paging: dict[str, Any]) -> Any:
        """List the accounts that you may see, by name."""
        actor = current_actor()
        own = {} if may(actor, "account.read").scope == "any" else {"_id": actor.id}
        return listed("account", paging, **_filters(paging), **own)

    @accounts.arguments(schemas.AccountFacts)
    @accounts.response(201, schemas.Account)
    @accounts.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("account.manage")
    def post(self, facts: dict[str, Any]) -> Answer:
        """Open an account for a member of staff."""
        answer = commands.open_account(current_foundation(), current_actor(), facts, repeatable())
        return shown("account", answer["id"], 201)


@accounts.route("/<string:account_id>")
class Account(MethodView):
    @accounts.response(200, schemas.Account)
    @requires("account.read")
    def get(self, account_id: str) -> Answer:
        """Get one account."""
        permit("account.read", {"owner": account_id})
        return shown("account", account_id)

    @accounts.arguments(schemas.AccountChange)
    @accounts.response(200, schemas.Account)
    @accounts.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("account.manage")
    def patch(self, changes: dict[str, Any], account_id: str) -> Answer:
        """Change an account's role or password, close it or open it again."""
        version = expected_version()
        commands.change_account(current_foundation(), current_actor(), account_id, version, changes, repeatable())
        return shown("account", account_id)


@accounts.route("/<string:account_id>/sessions")
class AccountSessions(MethodView):
    @accounts.response(204)
    @requires("account.manage")
    def delete(self, account_id: str) -> None:
        """Sign an account out everywhere; whoever knows its password can sign in again."""
        found("account", account_id)
        sessions.sign_out_everywhere(current_foundation(), current_actor(), account_id)


@accounts.route("/<string:account_id>/second-factor")
class AccountSecondFactor(MethodView):
    @accounts.response(204)
    @requires("account.manage")
    def delete(self, account_id: str) -> None:
        """Take the second factor from somebody else's account, and sign it out everywhere."""
        found("account", account_id)
        account_help.reset_second_factor(current_foundation(), current_actor(), account_id)


@accounts.route("/<string:account_id>/link")
class AccountLink(MethodView):
    @accounts.response(201, schemas.NewLink)
    @requires("account.manage")
    def post(self, account_id: str) -> dict[str, Any]:
        """Make a link by which the account's owner sets a password; an earlier one is over.

        It is answered once, and we send no e-mail: hand it over.
        """
        found("account", account_id)
        link = links.make(current_foundation(), current_actor(), account_id)
        return {"link": link.address(language_of_request()), "kind": link.kind, "expires_at": link.expires_at}


@accounts.route("/password")
class Password(MethodView):
    @accounts.arguments(schemas.NewPassword)
    @accounts.response(204)
    @public
    def post(self, typed: dict[str, str]) -> None:
        """Set a password with the code of a link, which is what follows # in it. It ends all sessions."""
        try:
            links.use(current_foundation(), typed["code"], typed["password"])
        except links.LinkOver:
            raise Problem(422, "invalid", errors=texts.errors({"code": "link_over"})) from None


@session.route("")
class Sessions(MethodView):
    @session.response(200, schemas.LiveSessions)
    @requires("session.read")
    def get(self) -> dict[str, Any]:
        """List where you are signed in."""
        return {"items": sessions.live_sessions(current_foundation(), current_actor())}

    @session.response(204)
    @requires("session.delete")
    def delete(self) -> None:
        """Sign out everywhere, here too."""
        actor = current_actor()
        sessions.sign_out_everywhere(current_foundation(), actor, actor.id)

    @session.arguments(schemas.Credentials)
    @session.response(201, schemas.NewSession)
    @public
    def post(self, credentials: dict[str, str]) -> dict[str, Any]:
        """Sign in. After five wrong attempts an account is closed to sign-ins for a quarter of an hour."""
        with refusals():
            return begun(
                signing_in.sign_in(
                    current_foundation(),
                    **credentials,
                    address=request.remote_addr or "",
                    user_agent=request.user_agent.string,
                )
            )


@session.route("/second-factor")
class SecondFactorOfSession(MethodView):
    @session.arguments(schemas.Answer)
    @session.response(201, schemas.NewSession)
    @public
    def post(self, answer: dict[str, str]) -> dict[str, Any]:
        """Sign in, second step: the challenge that the first answered with, and a code of the app or for recovery."""
        with refusals():
            return begun(
                signing_in.answer(
                    current_foundation(), answer["challenge"], answer["code"], address=request.remote_addr or ""
                )
            )


@session.route("/current")
class CurrentSession(MethodView):
    @session.response(200, schemas.CurrentSession)
    @requires("session.read")
    def get(self) -> dict[str, Any]:
        """Who is signed in."""
        actor = current_actor()
        return {"account_id": actor.id, "role": actor.role, "agency_id": actor.agency_id, "name": actor.name}

    @session.response(204)
    @requires("session.delete")
    def delete(self) -> None:
        """Sign out."""
        sessions.sign_out(current_foundation(), current_actor())


@session.route("/<string:session_id>")
class OneSession(MethodView):
    @session.response(204)
    @requires("session.delete")
    def delete(self, session_id: str) -> None:
        """End one of your sessions."""
        if not sessions.end_session(current_foundation(), current_actor(), session_id):
            raise Problem(404, "not_found")


@audit.route("/entries")
class AuditEntries(MethodView):
    @audit.arguments(schemas.LooksPaging, location="query")
    @audit.response(200, schemas.list_of(schemas.Look))
    @requires("audit.read")
    def get(self, question: dict[str, Any]) -> dict[str, Any]:
        """Who has looked at a record, the latest first. That you asked is recorded too."""
        number, size = question["page"], question["page_size"]
        actor, subject = current_actor(), question["subject"]
        items, total = looks.of_subject(current_foundation(), actor, subject, number, size, "audit_api")
        return {"items": items, "page": number, "page_size": size, "total": total}


@audit.route("/unusual")
class UnusualReading(MethodView):
    @audit.response(200, schemas.UnusualList)
    @requires("audit.read")
    def get(self) -> dict[str, Any]:
        """Reading that somebody should ask about: many records in a day, or outside office hours."""
        return {"items": looks.unusual_lately(current_foundation())}


@internal.get("/directory/internal/exchange")
@public
def exchange() -> ResponseReturnValue:
    """For the reverse proxy only, which asks before it forwards a request and which no outsider gets past.

    Answers 204, with the token if the request that is asked about has a live session.
    """
    answer = Response(status=204)
    found_token = sessions.session_token(request.environ)
    if found_token is not None:
        way, secret = found_token
        token = current_app.extensions[sessions.EXCHANGE](secret)
        if token is not None:
            answer.headers[HEADER] = token
            answer.headers[AUTH_HEADER] = way
    return answer
