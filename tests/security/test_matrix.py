"""Every route of every service, generated from its routes: who is refused (1), false tokens (8), forged requests (9),
fields that nobody may set (11), operators in place of values (12), bodies too large or too deep (13). And generated
from the rights: whose records are refused (2).

Whoever is refused is refused before anything is read: the applications stand on no database here. What the others get
is shown by the tests of each service.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey
from werkzeug.test import TestResponse

from shared.access import ROLES, Actor, may, rights
from shared.access.rights import SCOPES
from shared.access.tokens import ALGORITHM, AUDIENCE, HEADER, ISSUER, issue, load_private_key
from shared.access.web import PUBLIC
from shared.settings import SERVICES
from tests.support.routes import Route, apps, routes
from tests.support.web import ORIGIN, Browser, page_token

#: What is open to everybody, and nothing else: a new public address fails until somebody writes it here.
OPEN = {
    *(f"GET /{service}/{name}" for service in SERVICES for name in ("healthz", "readyz", "openapi.json")),
    *(f"GET /id/{service}/api-docs" for service in SERVICES),
    "GET /directory/internal/exchange",
    "GET /id/sign-in",
    "POST /id/sign-in",
    "GET /id/sign-in/second-factor",
    "POST /id/sign-in/second-factor",
    "GET /id/sign-in/set-up",
    "POST /id/sign-in/set-up",
    "GET /id/sign-in/provider",
    "GET /id/sign-in/no-account",
    "GET /directory/sign-in/callback",
    "GET /id/new-password",
    "POST /id/new-password",
    "POST /api/v1/accounts/password",
    "POST /api/v1/sessions",
    "POST /api/v1/sessions/second-factor",
}
NOBODYS_FIELDS = ("_id", "role", "agency_id", "case_id", "status", "version", "registered_by", "password_hash")
#: Where a field of that name is the caller's to set.
TAKEN = {
    "POST /api/v1/accounts": {"role"},
    "PATCH /api/v1/accounts/<id>": {"role"},
    "POST /api/v1/people": {"agency_id"},
    "PATCH /api/v1/people/<id>": {"agency_id"},
    "POST /api/v1/subscriptions": {"agency_id"},
    "POST /api/v1/cases/<id>/commands": {"agency_id"},
}


ALL = sorted(routes(), key=str)
GUARDED = [route for route in ALL if route.action != PUBLIC]
FORMS = [route for route in ALL if route.is_page and route.method != "GET"]
CHANGES = [route for route in ALL if not route.is_page and route.method != "GET"]
#: Whence a page that is not ours sends.
ELSEWHERE = ("https://elsewhere.example", "null", "http://localhost", "https://localhost.elsewhere.example")


def somebody(role: str) -> Actor:
    return Actor("account-" + "1" * 32, role, "agency-" + "1" * 32, "session-" + "1" * 32, "Petugas")


def one_who_may(route: Route) -> Actor:
    """Somebody who gets past the first question."""
    roles = ROLES if route.action == PUBLIC else [role for role in ROLES if may(somebody(role), str(route.action))]
    return somebody(roles[0])


def send(route: Route, actor: Actor | None, **more: Any) -> TestResponse:
    browser = Browser(apps()[route.service], actor)
    return browser.client.open(
        route.path,
        method=route.method,
        base_url=ORIGIN,
        headers=browser.headers("cookie" if route.is_page else "bearer") | more.pop("headers", {}),
        **more,
    )


def test_01_no_route_is_without_a_rule() -> None:
    """Seen to fail with a view that lost its `@requires`."""
    assert [str(route) for route in ALL if route.action is None] == []


def test_01_what_is_open_to_everybody_is_written_down() -> None:
    """Seen to fail with a view that became `@public`."""
    assert {str(route) for route in ALL if route.action == PUBLIC} == OPEN


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_01_a_role_without_the_right_is_refused(route: Route) -> None:
    """Seen to fail with `_refusal` that returns None, and with a right taken out of the question `may`."""
    for role in ROLES:
        allowed = bool(may(somebody(role), str(route.action)))
        answer = send(route, somebody(role))
        if not allowed:
            assert answer.status_code == 403, f"{role} gets {answer.status_code}"
        elif route.method == "GET":
            assert answer.status_code not in (401, 403), f"{role} may {route.action}, and gets {answer.status_code}"
    nobody = send(route, None)
    if route.is_page:
        assert nobody.status_code == 302 and "/id/sign-in" in nobody.headers["Location"]
    else:
        assert nobody.status_code == 401


#: What every record of the tests of scopes has. Each scope's own says whose it is.
HERE, THERE = "33.75.01", "33.75.02"
ME = Actor("account-" + "1" * 32, "case_worker", "agency-" + "1" * 32, areas=(HERE,))
OTHER = "account-" + "2" * 32
#: Scope -> records within it, and records beyond it, those that lack what the scope goes by among them.
RECORDS: Mapping[str, tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]] = {
    "any": ([{}, {"agency_id": None}], []),
    "own_agency": ([{"agency_id": ME.agency_id}], [{}, {"agency_id": "agency-" + "2" * 32}, {"agency_id": None}]),
    "own": ([{"owner": ME.id}], [{}, {"owner": OTHER}, {"owner": None}]),
    "needed": ([{"needed_by": [ME.id]}], [{}, {"needed_by": []}, {"needed_by": [OTHER]}]),
    "area": ([{"kecamatan": HERE}], [{}, {"kecamatan": THERE}, {"kecamatan": None}, {"kecamatan": ""}]),
    "assigned": (
        [{"kecamatan": HERE, "assigned_to": ME.id}, {"kecamatan": HERE, "assigned_to": None}],
        [
            {},
            {"kecamatan": HERE},
            {"kecamatan": HERE, "assigned_to": OTHER},
            {"kecamatan": THERE, "assigned_to": ME.id},
            {"kecamatan": THERE, "assigned_to": None},
            {"assigned_to": ME.id},
        ],
    ),
}
LIMITED = [(action, role, scope) for action, right in rights().items() for role, scope in right.roles.items()]


@pytest.mark.parametrize(("action", "role", "scope"), LIMITED, ids=lambda each: str(each))
def test_02_a_record_beyond_its_scope_is_refused_for_every_right_and_role(action: str, role: str, scope: str) -> None:
    """Whose record it is: mine or another's, for everything that each role may do. Seen to fail with an `_in_scope`
    that lets `area` pass, or `assigned` without its area, or a case that does not say whose it is, and with a record
    without a place taken for one of everywhere."""
    me = replace(ME, role=role)
    within, beyond = RECORDS[scope]
    for record in within:
        assert may(me, action, record), record
    for record in beyond:
        assert may(me, action, record).reason == "out_of_scope", record
    if scope in ("area", "assigned"):  # who has no areas works in the whole city
        whole_city = replace(me, areas=())
        assert [bool(may(whole_city, action, {**each, "assigned_to": me.id})) for each in beyond] == [True] * len(
            beyond
        )


#: Scope -> the test that asks by requests for records within and beyond it.
REQUESTS = {
    "own_agency": "integration/cases/test_referrals.py: "
    "test_02_another_agency_finds_neither_the_referral_nor_its_identities",
    "own": "security/test_accounts.py: test_02_accounts_and_sessions_of_another_agency_are_not_there",
    "needed": "security/test_break_glass.py: test_01_a_case_in_which_nothing_waits_is_closed_to_a_supervisor",
    "area": "security/test_areas.py: test_02_identities_and_files_of_another_area_are_closed",
    "assigned": "integration/cases/test_assignment.py: "
    "test_a_case_that_a_colleague_has_is_closed_until_it_is_taken_over",
}


def test_02_every_scope_is_tried_by_requests() -> None:
    """A new scope fails here until somebody says where. Seen to fail with a scope more in SCOPES."""
    assert set(RECORDS) == set(SCOPES) and set(REQUESTS) == set(SCOPES) - {"any"}
    for place in REQUESTS.values():
        path, name = place.split(": ")
        assert f"def {name}(" in (Path(__file__).parents[1] / path).read_text(encoding="utf-8"), place


def forgeries() -> dict[str, str]:
    """Tokens that prove nothing, by what is wrong with them."""
    app = apps()["intake"]
    private = load_private_key(app.extensions["rujukan"].settings.token_private_key_file)
    actor, now = somebody("supervisor"), int(time.time())
    good = issue(private, actor)
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": actor.id,
        "sid": actor.session,
        "role": actor.role,
        "agency": actor.agency_id,
        "name": actor.name,
        "iat": now,
        "exp": now + 300,
    }
    header, payload, signature = good.split(".")

    def signed(key: Any = private, alg: str = ALGORITHM, head: Mapping[str, Any] | None = None, **changes: Any) -> str:
        said = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode({"alg": alg, **(head or {})}, said, key, algorithms=[alg])

    def encoded(value: Mapping[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    def hashed(secret: bytes) -> str:
        # By hand: no library signs with a public key as the secret.
        text = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{payload}"
        mac = hmac.new(secret, text.encode(), "sha256").digest()
        return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    other = OKPKey.generate_key(ALGORITHM)
    return {
        "alg none": f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "HS256 with the public key": hashed(private.as_pem(private=False)),
        "another key": signed(other),
        "a key of its own in the header": signed(other, head={"jwk": other.as_dict(private=False)}),
        "a key id": signed(head={"kid": "../../dev/null"}),
        "expired": signed(iat=now - 400, exp=now - 100),
        "no end": signed(exp=None),
        "no beginning": signed(iat=None),
        "lives for a year": signed(exp=now + 365 * 86_400),
        "another audience": signed(aud="somebody else"),
        "no audience": signed(aud=None),
        "another issuer": signed(iss="somebody else"),
        "no session": signed(sid=None),
        "an unknown role": signed(role="root"),
        "another payload": f"{header}.{encoded({**claims, 'role': 'administrator'})}.{signature}",
        "no signature": f"{header}.{payload}.",
        "no token at all": "x.y.z",
        "empty": ".",
    }


@pytest.mark.parametrize("wrong", forgeries())
@pytest.mark.parametrize("service", SERVICES)
def test_08_a_false_token_proves_nothing_to_any_service(service: str, wrong: str) -> None:
    """Seen to fail, each for the tokens that it lets in: without `_CLAIMS.validate`, without the look at the header,
    without the longest life, and with a decoder that takes the payload as it is."""
    route = next(each for each in GUARDED if each.service == service and each.method == "GET" and not each.is_page)
    token = forgeries()[wrong]
    answer = (
        apps()[service]
        .test_client()
        .get(route.path, base_url=ORIGIN, headers={HEADER: token, "X-Rujukan-Auth": "bearer"})
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("route", FORMS, ids=str)
def test_09_a_form_that_was_not_ours_is_refused(route: Route) -> None:
    """Seen to fail without CSRFProtect (the first), and without the look at Origin (the others)."""
    actor = one_who_may(route)
    assert send(route, actor, data={"a": "b"}).status_code == 403, "without the token of a page of ours"
    browser = Browser(apps()[route.service], actor)
    token = page_token(browser, apps()[route.service])
    for origin in ELSEWHERE:
        answer = browser.client.post(
            route.path, base_url=ORIGIN, data={"csrf_token": token}, headers=browser.headers() | {"Origin": origin}
        )
        assert answer.status_code == 403, f"from {origin}: {answer.status_code}"
    if not route.name.endswith("/sign-out"):  # whose token hangs on the session instead
        own = browser.client.post(route.path, base_url=ORIGIN, data={"csrf_token": token}, headers=browser.headers())
        assert own.status_code != 403, "the token is a good one, from a page of ours"


@pytest.mark.parametrize("route", CHANGES, ids=str)
def test_09_a_change_by_a_program_in_a_page_that_is_not_ours_is_refused(route: Route) -> None:
    """JSON with the session's cookie, as a script in a browser sends it. Seen to fail, each alone in
    shared/web/security.py: without `csrf.protect()`, without the look at Origin, with all of `/api/` let through as if
    by Bearer, with a token of which nobody says how it came taken for no session; and, for what is public, with a form
    taken as JSON is, and without the look at Origin of JSON without a session."""
    actor, app = one_who_may(route), apps()[route.service]
    browser = Browser(app, actor)
    token = page_token(browser, app)

    def refusal(headers: Mapping[str, str], **more: Any) -> tuple[int, str]:
        answer = browser.client.open(
            route.path, method=route.method, base_url=ORIGIN, headers=headers, **({"json": {}} | more)
        )
        return answer.status_code, str((answer.json or {}).get("type", "")).rpartition(":")[2]

    own = browser.headers("cookie")
    assert refusal(own) == (403, "csrf"), "without the token of a page of ours"
    assert refusal(own | {"X-CSRFToken": token[::-1]}) == (403, "csrf")
    for origin in ELSEWHERE:
        assert refusal(own | {"X-CSRFToken": token, "Origin": origin}) == (403, "foreign-origin"), f"from {origin}"
    unsaid = {name: value for name, value in own.items() if name != "Origin"} | {"X-CSRFToken": token}
    assert refusal(unsaid) == (403, "foreign-origin"), "from nowhere"
    assert refusal(unsaid | {"Sec-Fetch-Site": "cross-site"}) == (403, "foreign-origin")
    unnamed = {name: value for name, value in own.items() if name != "X-Rujukan-Auth"}
    assert refusal(unnamed) == (403, "csrf"), "a session of which nobody says how it came is one of a browser"
    assert refusal(own | {"X-CSRFToken": token})[1] not in ("csrf", "foreign-origin"), "the token is a good one"
    browser.actor = None
    if route.action != PUBLIC:
        assert refusal({"Origin": ORIGIN, "X-CSRFToken": token}) == (401, "unauthenticated")
        return
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        sent = {"json": None, "data": b'{"a": "b"}', "content_type": kind}
        assert refusal({"Origin": ELSEWHERE[0]}, **sent) == (403, "foreign-origin"), f"{kind}, without a session"
        if kind != "application/json":
            assert refusal({"Origin": ORIGIN}, **sent) == (403, "csrf"), f"{kind}, without a session"


def operations() -> Iterator[tuple[Route, Mapping[str, Any], Mapping[str, Any]]]:
    """Every described route, with its description, and the document that this stands in."""
    for service, app in apps().items():
        document = app.test_client().get(f"/{service}/openapi.json").json
        assert document is not None
        for path, described in document["paths"].items():
            name = re.sub(r"\{[^}]*\}", "<id>", path)
            for method, operation in described.items():
                if isinstance(operation, Mapping):
                    yield next(each for each in ALL if str(each) == f"{method.upper()} {name}"), operation, document


def bodies(media_type: str = "application/json") -> list[tuple[Route, Mapping[str, Any]]]:
    """Every route that takes such a body, with its described properties. (Files: test_attachments.py.)"""
    found = []
    for route, operation, document in operations():
        body = operation.get("requestBody")
        if body and media_type in body["content"]:
            schema = body["content"][media_type]["schema"]
            if "$ref" in schema:
                schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
            found.append((route, schema["properties"]))
    return sorted(found, key=lambda each: str(each[0]))


def questions() -> list[tuple[Route, list[str]]]:
    """Every route that is asked by a query string, with the names that it knows."""
    found = []
    for route, operation, _ in operations():
        names = [each["name"] for each in operation.get("parameters", ()) if each.get("in") == "query"]
        if names:
            found.append((route, names))
    return sorted(found, key=lambda each: str(each[0]))


BODIES = bodies()
each_body = pytest.mark.parametrize(("route", "properties"), BODIES, ids=[str(route) for route, _ in BODIES])
QUESTIONS = questions()
each_question = pytest.mark.parametrize(("route", "names"), QUESTIONS, ids=[str(route) for route, _ in QUESTIONS])
UPLOADS = bodies("multipart/form-data")
each_upload = pytest.mark.parametrize(("route", "properties"), UPLOADS, ids=[str(route) for route, _ in UPLOADS])
MULTIPART = {"Content-Type": "multipart/form-data"}
HEADERS = {"Idempotency-Key": "k" * 20, "If-Match": '"1"'}


def errors(answer: TestResponse) -> set[str]:
    """The fields that an answer names as wrong."""
    return {error["field"] for error in (answer.json or {}).get("errors", ())}


@each_body
def test_11_a_field_that_is_not_the_caller_s_is_refused_by_name(route: Route, properties: Mapping[str, Any]) -> None:
    """Seen to fail with a schema whose `unknown` is EXCLUDE."""
    taken = TAKEN.get(str(route), set())
    for field in set(NOBODYS_FIELDS) - taken:
        assert field not in properties, f"{route} takes {field}: is it the caller's to set?"
        answer = send(route, one_who_may(route), json={field: "administrator"}, headers=HEADERS)
        assert answer.status_code == 422, f"{field}: {answer.status_code}"
        assert field in errors(answer)


@each_question
def test_11_a_question_that_is_not_known_is_refused_by_name(route: Route, names: list[str]) -> None:
    """In a query string: what is passed over shows more than was asked for. Seen to fail without RAISE for "query" in
    shared/web/arguments.py."""
    for field in set(NOBODYS_FIELDS) - set(names):
        answer = send(route, one_who_may(route), query_string={field: "administrator"})
        assert answer.status_code == 422 and field in errors(answer), f"{field}: {answer.text}"


@each_upload
def test_11_neither_is_a_field_of_an_upload(route: Route, properties: Mapping[str, Any]) -> None:
    """Beside a file, in a form. Seen to fail with `unknown = EXCLUDE` in AboutAttachment."""
    for field in NOBODYS_FIELDS:
        assert field not in properties
        answer = send(route, one_who_may(route), data={field: "administrator"}, headers=HEADERS | MULTIPART)
        assert answer.status_code == 422 and field in errors(answer), f"{field}: {answer.text}"


@each_body
def test_12_an_operator_is_no_value(route: Route, properties: Mapping[str, Any]) -> None:
    """Seen to fail with a Raw field in a schema."""
    for field in properties:
        for operator in ({"$ne": None}, {"$gt": ""}, {"$regex": ".*"}, {"$where": "1"}, [{"$ne": None}]):
            answer = send(route, one_who_may(route), json={field: operator}, headers=HEADERS)
            assert answer.status_code == 422, f"{field} = {operator}: {answer.status_code}"
    for key in ("$where", "a.b", "children.0.name", "__proto__"):
        answer = send(route, one_who_may(route), json={key: "1"}, headers=HEADERS)
        assert answer.status_code == 422, f"{key}: {answer.status_code}"


@each_question
def test_12_an_operator_is_no_answer_to_a_question(route: Route, names: list[str]) -> None:
    """In a query string, written in each way that some library makes a document of. Seen to fail with a Raw field in a
    schema, and without RAISE for "query"."""
    for name in names:
        for value in ('{"$ne": null}', '{"$regex": ".*"}', "[$ne]", "$where"):
            answer = send(route, one_who_may(route), query_string={name: value})
            assert answer.status_code == 422 and name in errors(answer), f"{name}={value}: {answer.text}"
        for key in (f"{name}[$ne]", f"{name}[]", f"{name}.$gt"):
            answer = send(route, one_who_may(route), query_string={key: ""})
            assert answer.status_code == 422 and key in errors(answer), f"{key}: {answer.text}"
    for key in ("$where", "a.b", "__proto__"):
        assert send(route, one_who_may(route), query_string={key: "1"}).status_code == 422, key


@each_upload
def test_12_nor_a_field_of_an_upload(route: Route, properties: Mapping[str, Any]) -> None:
    """Seen to fail with `unknown = EXCLUDE` in AboutAttachment."""
    for key in (*(f"{name}[$ne]" for name in properties), "$where", "a.b"):
        answer = send(route, one_who_may(route), data={key: "1"}, headers=HEADERS | MULTIPART)
        assert answer.status_code == 422 and key in errors(answer), f"{key}: {answer.text}"


@pytest.mark.parametrize("route", FORMS, ids=str)
def test_13_a_form_that_is_too_large_is_refused(route: Route) -> None:
    """Seen to fail without the limit (neither MAX_CONTENT_LENGTH nor MAX_FORM_MEMORY_SIZE)."""
    actor, app = one_who_may(route), apps()[route.service]
    browser = Browser(app, actor)
    token = page_token(browser, app)
    large = {"csrf_token": token, "narrative": "x" * 20_000_000}
    answer = browser.client.post(route.path, base_url=ORIGIN, data=large, headers=browser.headers())
    assert answer.status_code == 413


@each_body
def test_13_what_is_too_large_or_too_deep_is_refused(route: Route, properties: Mapping[str, Any]) -> None:
    """Seen to fail without MAX_CONTENT_LENGTH. What is too deep is refused twice over: by the parser and by a count."""
    actor = one_who_may(route)
    json_type = {"Content-Type": "application/json", **HEADERS}
    large = send(route, actor, data=b'{"a": "' + b"x" * 20_000_000 + b'"}', headers=json_type)
    assert large.status_code == 413
    for deep in (b"[" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        assert send(route, actor, data=deep, headers=json_type).status_code == 400
    for broken in (b"{", b'{"a": NaN}', b"\xff\xfe", b'"text"', b"[]", b"null", b'{"a": 1e999}'):
        assert send(route, actor, data=broken, headers=json_type).status_code in (400, 422)
