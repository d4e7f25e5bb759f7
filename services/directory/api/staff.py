"""JSON of staff and their accounts: who may sign in, as what, and how somebody who cannot is helped."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from services.directory import account_help, commands, links, schemas, sessions, store, texts
from services.directory.api.parts import Answer, filters, found, listed, repeatable, shown
from shared.access import current_actor, may, permit, public, requires
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, expected_version
from shared.web.language import language_of_request
from shared.web.paging import Paged, list_of

people = Blueprint("people-api", __name__, url_prefix="/people", description="Staff of the agencies.")
accounts = Blueprint("accounts-api", __name__, url_prefix="/accounts", description="Who may sign in, and as what.")


@people.route("")
class People(MethodView):
    @people.arguments(Paged, location="query")
    @people.response(200, list_of(schemas.Person))
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
    @accounts.response(200, list_of(schemas.Account))
    @requires("account.read")
    def get(self, paging: dict[str, Any]) -> Any:
        """List the accounts that you may see, by name."""
        actor = current_actor()
        own = {} if may(actor, "account.read").scope == "any" else {"_id": actor.id}
        return listed("account", paging, **filters(paging), **own)

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
    @requires("session.end_others")
    def delete(self, account_id: str) -> None:
        """Sign an account out everywhere; whoever knows its password can sign in again.

        A supervisor does so for the people of their own office.
        """
        permit("session.end_others", {"agency_id": found("account", account_id)["agency_id"]})
        sessions.sign_out_everywhere(current_foundation(), current_actor(), account_id)


@accounts.route("/<string:account_id>/second-factor")
class AccountSecondFactor(MethodView):
    @accounts.response(204)
    @requires("account.manage")
    def delete(self, account_id: str) -> None:
        """Take the second factor from somebody else's account, and sign it out everywhere."""
        found("account", account_id)
        account_help.reset_second_factor(current_foundation(), current_actor(), account_id)


@accounts.route("/<string:account_id>/provider-identity")
class AccountProviderIdentity(MethodView):
    @accounts.response(204)
    @requires("account.manage")
    def delete(self, account_id: str) -> None:
        """Let somebody else's account be bound anew at the office's own sign-in service, and sign it out everywhere."""
        found("account", account_id)
        account_help.release(current_foundation(), current_actor(), account_id)


@accounts.route("/<string:account_id>/link")
class AccountLink(MethodView):
    @accounts.response(201, schemas.NewLink)
    @requires("account.manage")
    def post(self, account_id: str) -> dict[str, Any]:
        """Make a link by which the account's owner sets a password; an earlier one is over.

        It is answered once, and is not sent by e-mail: hand it over.
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
