"""Signing in by the office's own provider: what is not proved, and whom nobody here knows, begins no session."""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from joserfc.jwk import RSAKey
from werkzeug.test import TestResponse

from services.directory import commands, provider_sign_in, store
from services.directory import provider as oidc
from services.directory.pages.provider import COOKIE
from shared.foundation import Foundation
from shared.settings import load
from tests.integration.directory.conftest import (  # noqa: F401
    ADMINISTRATOR,
    BASE,
    Staff,
    Visitor,
    agency,
    app,
    clock,
    door,
    hire,
    quick_hashing,
    set_up,
    turn_on,
    visit,
)
from tests.support.provider import EMAIL, Provider

pytestmark = pytest.mark.mongo

NO_ACCOUNT = "/id/sign-in/no-account"
BEGIN_AGAIN = "/id/sign-in"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as found:
        yield found


@pytest.fixture
def more() -> dict[str, str]:
    """Variables that a test wants beside."""
    return {}


@pytest.fixture
def foundation(mongo, prefix, clock, provider, more) -> Foundation:
    """Directory's, with the provider in its settings."""
    environ = mongo.settings_environ("directory", prefix, RUJUKAN_BASE_URL=BASE, **provider.environ(), **more)
    started = Foundation.start(load("directory", environ), clock)
    store.ensure_indexes(started.database)
    started.journal.ensure_indexes()
    return started


@pytest.fixture
def clerk(hire, agency) -> Staff:
    return hire("intake_clerk", agency_id=agency, email=EMAIL)


@pytest.fixture
def come(visit, provider) -> Callable[..., tuple[Visitor, TestResponse]]:
    """A visitor who signs in by the provider, and what they are answered when they return."""

    def come_back(visitor: Visitor | None = None, path: str = "/id/sign-in/provider") -> tuple[Visitor, TestResponse]:
        visitor = visitor or visit()
        return visitor, visitor.get(way_back(visitor, provider, path))

    return come_back


def way_back(visitor: Visitor, provider: Provider, path: str = "/id/sign-in/provider") -> str:
    """Goes to the provider, which signs its person in; gives the path that it sends the browser back to."""
    left = visitor.get(path)
    assert left.status_code == 303, left.text
    back = provider.answer(left.headers["Location"])
    assert back.startswith(BASE + provider_sign_in.CALLBACK + "?")
    return back.removeprefix(BASE)


def refused(visitor: Visitor, answer: TestResponse, where: str) -> None:
    """Nobody is signed in, and the visitor is led to `where`."""
    assert (answer.status_code, answer.headers.get("Location")) == (303, where), answer.text
    assert visitor.session() is None


def identities(foundation: Foundation) -> list[dict[str, Any]]:
    return list(foundation.database[store.IDENTITIES].find())


def test_who_has_an_account_signs_in_and_is_the_providers_subject_from_then_on(
    come, visit, clerk, foundation, provider, mongo, prefix
) -> None:
    """Removed: the code's verifier (`code_verifier` in fetch_token): the provider refused the code, and the browser was
    led back to sign-in. Removed: the entry in the audit: none was found."""
    assert "Masuk Kota" in visit().get("/id/sign-in").text
    visitor, answer = come(path="/id/sign-in/provider?next=/id/sessions")
    assert answer.headers["Location"] == "/id/sessions"
    assert visitor.get("/api/v1/sessions/current").json["account_id"] == clerk.account_id
    [asked] = provider.asked
    assert asked["code_challenge_method"] == "S256" and asked["scope"] == "openid email"
    [bound] = identities(foundation)
    assert bound["account_id"] == clerk.account_id
    assert provider.person["sub"] not in str(bound), "by its digest only"
    [entry] = mongo.client()[f"{prefix}audit"]["entries"].find({"action": "account.bind"})
    assert (entry["actor"], entry["subject"]) == (clerk.account_id, clerk.account_id)
    provider.person["email"] = "nama.baru@kantor.test"
    again, _ = come()
    assert again.get("/api/v1/sessions/current").json["account_id"] == clerk.account_id


def test_the_session_of_this_browser_ends_and_another_one_begins(come, visit, clerk, hire) -> None:
    """Removed: `previous` in return_from_provider: the planted session was still good, 200 instead of 401."""
    planted = visit().sign_in(hire("analyst")).session()
    visitor = visit()
    visitor.client.set_cookie("__Host-rujukan", planted, domain="localhost", secure=True)
    visitor, _ = come(visitor)
    assert visitor.session() not in (None, planted)
    thief = visit()
    thief.token = planted
    assert thief.call("GET", "/api/v1/sessions/current").status_code == 401


def test_a_wrong_state_is_refused(visit, clerk, provider) -> None:
    """Removed: the comparison of the state in `finish`: the foreign code began a session."""
    visitor = visit()
    query = dict(parse_qsl(urlsplit(way_back(visitor, provider)).query))
    refused(visitor, visitor.get(f"{provider_sign_in.CALLBACK}?{urlencode({**query, 'state': 'x' * 43})}"), BEGIN_AGAIN)
    visitor = visit()
    query = dict(parse_qsl(urlsplit(way_back(visitor, provider)).query))
    refused(visitor, visitor.get(f"{provider_sign_in.CALLBACK}?{urlencode({'code': query['code']})}"), BEGIN_AGAIN)


def test_another_browser_cannot_use_the_answer(visit, clerk, provider) -> None:
    """The flow is found by the cookie alone, and its state is not the other's. (Without the comparison of the state the
    first was signed in as the maker of the link.)"""
    attacker, victim = visit(), visit()
    way_back(victim, provider)
    refused(victim, victim.get(way_back(attacker, provider)), BEGIN_AGAIN)
    nobody = visit()
    refused(nobody, nobody.get(way_back(attacker, provider)), BEGIN_AGAIN)


def test_a_code_is_good_once(visit, clerk, provider) -> None:
    """Removed: the use of the flow (`find_one` in `take`): the address, taken from a history, began another session.
    The provider of this test takes codes again; a good one does not."""
    provider.takes_codes_again = True
    visitor = visit()
    back = way_back(visitor, provider)
    token = visitor.client.get_cookie(COOKIE, "localhost").value
    assert visitor.get(back).status_code == 303 and visitor.session() is not None
    thief = visit()
    thief.client.set_cookie(COOKIE, token, domain="localhost", secure=True)
    refused(thief, thief.get(back), BEGIN_AGAIN)


def test_a_sign_in_that_took_too_long_is_over(visit, clerk, provider, clock) -> None:
    """Removed: the look at `expires_at` in `take`: the session began."""
    visitor = visit()
    back = way_back(visitor, provider)
    clock.ahead += provider_sign_in.FLOW_LASTS
    refused(visitor, visitor.get(back), BEGIN_AGAIN)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://elsewhere.test"},
        {"iss": None},
        {"aud": "somebody-else"},
        {"aud": None},
        {"aud": ["rujukan", "somebody-else"]},
        {"azp": "somebody-else"},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(come, clerk, provider, claims: dict[str, Any]) -> None:
    """Removed, one by one: `nonce`, `iss`, the value of `aud`, `exp`, the look at `azp`, the length of the subject: a
    session began for each. Removed: `registry.validate`: for ten of them, those without `aud` or `sub` too."""
    provider.claims = claims
    refused(*come(), BEGIN_AGAIN)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS384"])
def test_a_token_signed_otherwise_than_with_a_key_pair_of_the_list_is_refused(
    come, clerk, provider, algorithm: str
) -> None:
    """Removed: the list (`algorithms` widened by all three): `none` and RS384 began a session. HS256 is refused by the
    library too, for want of a fitting key: it began one only where the payload was read without `jwt.decode`."""
    provider.algorithm = algorithm
    refused(*come(), BEGIN_AGAIN)


def test_a_token_of_another_key_is_refused(come, clerk, provider) -> None:
    """Removed: the signature (the payload read as it is): a session began."""
    provider.signs_with = RSAKey.generate_key(2048)
    refused(*come(), BEGIN_AGAIN)


@pytest.mark.parametrize("person", [{"email": "orang.lain@kantor.test"}, {"email": None}, {"email_verified": None}])
def test_who_is_unknown_gets_one_page_and_no_account(come, visit, clerk, foundation, provider, person) -> None:
    """Removed: no account for whom nobody knows (any was taken instead): a session began."""
    before = foundation.database.accounts.count_documents({}), foundation.database.people.count_documents({})
    provider.person |= person
    refused(*come(), NO_ACCOUNT)
    assert (foundation.database.accounts.count_documents({}), foundation.database.people.count_documents({})) == before
    assert identities(foundation) == []
    page = visit().get(NO_ACCOUNT)
    assert page.status_code == 403 and "Masuk Kota" in page.text


@pytest.mark.parametrize("verified", [False, "true", 1, None])
def test_an_address_that_the_provider_has_not_verified_opens_nothing(come, clerk, provider, verified: Any) -> None:
    """Removed: the look at `email_verified`: a session began for each; with `==` in place of `is`: for 1."""
    provider.person["email_verified"] = verified
    refused(*come(), NO_ACCOUNT)


@pytest.mark.parametrize("bound", [False, True])
def test_a_closed_account_stays_closed(come, clerk, foundation, provider, bound: bool) -> None:
    """Removed: the look at `active` in `_account`: a session was begun (which opened nothing, for the exchange looks
    too)."""
    if bound:
        come()
    commands.change_account(foundation, ADMINISTRATOR, clerk.account_id, 1, {"active": False})
    refused(*come(), NO_ACCOUNT)


def test_an_account_stays_its_first_subjects(come, clerk, foundation, provider) -> None:
    """Removed: the look for another subject in `_bind`, and the unique index with it: whoever was given the same e-mail
    address at the provider was signed in as the clerk. With the index alone it was refused too."""
    come()
    provider.person["sub"] = "subject-2"
    refused(*come(), NO_ACCOUNT)
    assert len(identities(foundation)) == 1


@pytest.mark.parametrize("way", ["page", "api"])
def test_who_got_a_new_name_at_the_provider_is_matched_anew(
    come, visit, clerk, hire, foundation, provider, mongo, prefix, way: str
) -> None:
    """Removed: the deletion: the new name was nobody here's. Removed: the end of the sessions: the old one's went on.
    Removed: the refusal for one's own."""
    before, _ = come()
    administrator = hire("administrator")
    desk = visit().sign_in(administrator)
    page = f"/id/accounts/{clerk.account_id}"
    assert "Dikenali" in desk.get(page).text
    provider.person["sub"] = "another-name"
    refused(*come(), NO_ACCOUNT)
    if way == "page":
        assert desk.send(f"{page}/provider-identity/release", page).status_code == 303
    else:
        program = visit().sign_in_as_program(administrator)
        assert program.call("DELETE", f"/api/v1/accounts/{clerk.account_id}/provider-identity").status_code == 204
        own = program.call("DELETE", f"/api/v1/accounts/{administrator.account_id}/provider-identity")
        assert (own.status_code, own.json["errors"][0]["field"]) == (422, "account")
    assert before.get("/api/v1/sessions/current").status_code == 401
    assert identities(foundation) == [] and "Dikenali" not in desk.get(page).text
    [entry] = mongo.client()[f"{prefix}audit"]["entries"].find({"action": "account.release"})
    assert (entry["actor"], entry["subject"]) == (administrator.account_id, clerk.account_id)
    again, _ = come()
    assert again.get("/api/v1/sessions/current").json["account_id"] == clerk.account_id


def test_a_subject_stays_its_accounts(come, clerk, hire, foundation, provider) -> None:
    """Removed: the first question in `_account` (`bound` is never found): with a colleague's address in the provider's
    record, an attempt to bind anew, and the clerk was refused."""
    other = hire("supervisor", email="kepala@kantor.test")
    come()
    provider.person["email"] = other.email
    visitor, _ = come()
    assert visitor.get("/api/v1/sessions/current").json["account_id"] == clerk.account_id


def test_of_two_first_sign_ins_at_the_same_moment_one_is_bound(come, clerk, foundation, provider, monkeypatch) -> None:
    """Removed: the unique index `one_subject_per_account`: both were. Here the look for another sees nothing, as it
    does when two look before either writes."""
    come()
    provider.person["sub"] = "subject-2"
    monkeypatch.setattr(type(foundation.database[store.IDENTITIES]), "find_one", _blind_to_bindings())
    refused(*come(), NO_ACCOUNT)
    monkeypatch.undo()
    assert len(identities(foundation)) == 1


def _blind_to_bindings() -> Callable[..., Any]:
    from pymongo.collection import Collection

    seeing = Collection.find_one

    def find_one(self: Any, *arguments: Any, **options: Any) -> Any:
        return None if self.name == store.IDENTITIES else seeing(self, *arguments, **options)

    return find_one


@pytest.mark.parametrize("said", [{}, {"amr": ["pwd"]}, {"acr": "silver"}, {"amr": "mfa"}])
def test_a_second_factor_is_still_asked_for(come, visit, clerk, turn_on, provider, said: dict[str, Any]) -> None:
    """Removed: `strong=identity.strong` (always True): a session began without the code."""
    app, _ = turn_on(visit().sign_in(clerk))
    provider.claims = said
    visitor, answer = come(path="/id/sign-in/provider?next=/id/sessions")
    refused(visitor, answer, "/id/sign-in/second-factor?next=%2Fid%2Fsessions")
    entered = visitor.send(answer.headers["Location"], code=app.code())
    assert entered.headers["Location"] == "/id/sessions" and visitor.session() is not None


@pytest.mark.parametrize("said", [{"amr": ["pwd", "mfa"]}, {"acr": "gold"}])
def test_more_than_a_password_at_the_provider_is_enough(come, visit, clerk, turn_on, provider, said) -> None:
    """Removed: the words of the settings (`strong` always False): the code was asked for."""
    turn_on(visit().sign_in(clerk))
    provider.claims = said
    visitor, answer = come()
    assert answer.headers["Location"] == "/id/" and visitor.session() is not None


class TestWhereItIsRequired:
    """An instance that wants a second factor of whoever reads identities."""

    @pytest.fixture
    def more(self) -> dict[str, str]:
        return {"RUJUKAN_SECOND_FACTOR": "required"}

    def test_it_is_set_up_after_the_provider(self, come, clerk, clock) -> None:
        """Removed: `needed` in signing_in.proceed: a session began."""
        visitor, answer = come()
        refused(visitor, answer, "/id/sign-in/set-up?next=%2Fid%2F")
        set_up(visitor, "/id/sign-in/set-up", clock)
        assert visitor.session() is not None


@pytest.mark.parametrize("target", ["https://elsewhere.test/", "//elsewhere.test", "/\\elsewhere.test", "/id/../x"])
def test_nobody_is_led_elsewhere(come, clerk, target: str) -> None:
    """Removed: `safe_next` on the way there and on the way back: the browser was led to the other host."""
    _, answer = come(path="/id/sign-in/provider?" + urlencode({"next": target}))
    assert answer.headers["Location"] == "/id/"


def test_a_provider_that_goes_away_meanwhile_is_told(visit, clerk, provider) -> None:
    """Removed: the catching of ProviderAway in return_from_provider: 500."""
    visitor = visit()
    back = way_back(visitor, provider)
    provider.stop()
    refused(visitor, visitor.get(back), BEGIN_AGAIN)
    assert "Masuk Kota" in visitor.get("/id/sign-in").text


def test_without_the_provider_the_password_still_opens_and_the_page_says_so(visit, clerk, provider) -> None:
    """Removed: the catching of ProviderAway in leave_for_provider: 500."""
    provider.stop()
    visitor = visit()
    refused(visitor, visitor.get("/en/sign-in/provider"), "/en/sign-in")
    assert "Masuk Kota does not answer now" in visitor.get("/en/sign-in").text
    assert visitor.sign_in(clerk).session() is not None


def test_addresses_of_another_issuer_are_not_believed(visit, provider) -> None:
    """Removed: the comparison of the issuer in `_known`: the browser was sent to the provider."""
    provider.metadata = {"issuer": "https://elsewhere.test"}
    refused(visitor := visit(), visitor.get("/id/sign-in/provider"), BEGIN_AGAIN)


def test_a_new_key_of_the_provider_is_found(come, clerk, provider, monkeypatch) -> None:
    """Removed: the second look (`InvalidKeyIdError`): refused until the hour was over."""
    come()
    monkeypatch.setattr(oidc, "ASK_AGAIN_AFTER", 0)
    provider.key = RSAKey.generate_key(2048, auto_kid=True)
    visitor, _ = come()
    assert visitor.session() is not None


def test_who_says_no_at_the_provider_is_back_at_sign_in(visit, clerk, provider) -> None:
    visitor = visit()
    state = dict(parse_qsl(urlsplit(way_back(visitor, provider)).query))["state"]
    answer = visitor.get(f"{provider_sign_in.CALLBACK}?{urlencode({'error': 'access_denied', 'state': state})}")
    refused(visitor, answer, BEGIN_AGAIN)


@pytest.mark.filterwarnings("ignore")  # of what it is made with
def test_it_works_with_a_provider_that_others_wrote(mongo, prefix, clock) -> None:
    """oidc-provider-mock, over HTTP, with its own form and its own signatures."""
    import requests
    from oidc_provider_mock import User, run_server_in_thread

    from deploy.front_door import FrontDoor
    from services.directory.app import create_app
    from services.directory.sessions import EXCHANGE

    person = User(sub="orang-satu", claims={"email": EMAIL, "email_verified": True})
    with run_server_in_thread(user_claims=[person]) as server:
        issuer = f"http://localhost:{server.server_port}"
        named = {"ISSUER": issuer, "CLIENT_ID": "rujukan", "CLIENT_SECRET": "apa saja", "NAME": "Lain"}
        variables = {f"RUJUKAN_OIDC_{name}": value for name, value in named.items()}
        environ = mongo.settings_environ("directory", prefix, RUJUKAN_BASE_URL=BASE, **variables)
        foundation = Foundation.start(load("directory", environ), clock)
        store.ensure_indexes(foundation.database)
        foundation.journal.ensure_indexes()
        facts = {"name": "Petugas", "email": EMAIL, "agency_id": None}
        person_id = commands.register_person(foundation, ADMINISTRATOR, facts)["id"]
        invited = {"person_id": person_id, "role": "analyst"}
        account_id = commands.open_account(foundation, ADMINISTRATOR, invited)["id"]
        app = create_app(foundation)
        visitor = Visitor(FrontDoor({"directory": app}, app.extensions[EXCHANGE]))
        address = visitor.get("/id/sign-in/provider").headers["Location"]
        back = requests.post(address, data={"sub": person.sub}, allow_redirects=False, timeout=10).headers["Location"]
        assert visitor.get(back.removeprefix(BASE)).status_code == 303
        assert visitor.get("/api/v1/sessions/current").json["account_id"] == account_id
