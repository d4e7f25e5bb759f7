"""JSON of signing in and out, and the exchange of a session for a token that the reverse proxy asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Blueprint as Pages
from flask import Response, current_app, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from flask_babel import gettext

from services.directory import schemas, second_factor, sessions, signing_in
from services.directory.texts import WRONG_CODE
from services.directory.throttle import TooManyAttempts
from shared.access import current_actor, public, requires
from shared.access.tokens import AUTH_HEADER, HEADER
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint

session = Blueprint("sessions-api", __name__, url_prefix="/sessions", description="Signing in and out.")
internal = Pages("internal", __name__)


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
