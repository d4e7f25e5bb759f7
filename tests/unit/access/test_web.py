"""The rule of every view: who gets in, who is led to sign in, and what is refused before a body is read."""

import pytest
from flask import Flask, g
from flask.views import MethodView

from shared.access import Actor, UnknownAction, current_actor, permit, public, requires
from shared.access.tokens import HEADER, create_key_files, issue, load_private_key, load_public_key
from shared.access.web import declared_action, install, safe_next
from shared.web import Problem, language

HERE, ELSEWHERE = "agency-1", "agency-2"
PARTNER = Actor("account-1", "partner_agency", agency_id=HERE, session="session-1")
CLERK = Actor("account-2", "intake_clerk", agency_id=HERE, session="session-2")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    create_key_files(folder / "private.pem", folder / "public.pem")
    return load_private_key(folder / "private.pem"), load_public_key(folder / "public.pem")


@pytest.fixture
def app(keys):
    app = Flask("test")
    app.register_error_handler(Problem, lambda problem: ({"code": problem.code}, problem.status))
    language.install(app, [], pseudo=True)
    install(app, keys[1])

    @app.get("/api/v1/subscriptions/<agency>")
    @requires("subscription.read")
    def subscription(agency):
        permit("subscription.read", {"agency_id": agency})
        return {"actor": current_actor().id}

    @app.get("/api/v1/identity")
    @requires("subscription.read")
    def identity():
        permit("report.read_identity", {})
        return {}

    @app.post("/api/v1/reports")
    @requires("report.register")
    def register():
        g.body_was_read = True
        raise AssertionError("a refused request came this far")

    @app.route("/id/subscriptions", methods=["GET", "POST"])
    @requires("subscription.read")
    def page():
        return "ok"

    @app.get("/open")
    @public
    def open_page():
        return current_actor().id

    @app.get("/forgotten")
    def forgotten():
        return "ok"

    return app


@pytest.fixture
def ask(app, keys):
    def ask(path, actor=None, method="GET", **more):
        headers = {HEADER: issue(keys[0], actor)} if actor else {}
        return app.test_client().open(path, method=method, headers={**headers, **more.pop("headers", {})}, **more)

    return ask


def test_a_partner_reads_its_own_and_cannot_tell_that_others_exist(ask):
    assert ask(f"/api/v1/subscriptions/{HERE}", PARTNER).json == {"actor": "account-1"}
    other = ask(f"/api/v1/subscriptions/{ELSEWHERE}", PARTNER)
    assert (other.status_code, other.json["code"]) == (404, "not_found")


def test_a_role_without_the_right_is_refused(ask):
    assert ask(f"/api/v1/subscriptions/{HERE}", CLERK).status_code == 403
    assert ask("/api/v1/identity", PARTNER).status_code == 403


def test_a_stranger_gets_401_for_json_and_the_sign_in_page_for_a_page(ask):
    json = ask(f"/api/v1/subscriptions/{HERE}")
    assert (json.status_code, json.headers["WWW-Authenticate"]) == (401, 'Bearer realm="rujukan"')
    page = ask("/id/subscriptions?state=due")
    assert (page.status_code, page.headers["Location"]) == (302, "/id/sign-in?next=%2Fid%2Fsubscriptions%3Fstate%3Ddue")
    sent = ask("/id/subscriptions", method="POST")
    assert (sent.status_code, sent.headers["Location"]) == (302, "/id/sign-in")


def test_a_forged_token_is_nobodys(ask):
    assert ask(f"/api/v1/subscriptions/{HERE}", headers={HEADER: "forged"}).status_code == 401
    assert ask("/open", headers={HEADER: "forged"}).text == "anonymous"


def test_a_refused_request_is_refused_before_its_body_is_read(ask):
    assert ask("/api/v1/reports", PARTNER, "POST", data=b"[" * 100_000).status_code == 403
    assert ask("/api/v1/reports", None, "POST", data=b"[" * 100_000).status_code == 401


def test_a_view_without_a_rule_is_closed_to_everybody(ask):
    assert ask("/forgotten", Actor("account-3", "administrator", session="session-3")).status_code == 403


def test_what_is_open_is_open_and_what_is_not_there_is_not(ask):
    assert ask("/open").text == "anonymous"
    assert ask("/nothing").status_code == 404
    assert ask("/open", method="POST").status_code == 405


def test_the_rule_is_found_on_functions_and_on_classes_of_methods():
    @requires("agency.read")
    def view():
        return ""

    class Things(MethodView):
        @requires("agency.read")
        def get(self):
            return ""

        @public
        def post(self):
            return ""

        def delete(self):
            return ""

    things = Things.as_view("things")
    assert declared_action(view) == "agency.read"
    assert [declared_action(things, method) for method in ("GET", "HEAD", "POST", "DELETE")] == [
        "agency.read",
        "agency.read",
        "public",
        None,
    ]


def test_a_rule_that_the_table_lacks_stops_the_program():
    with pytest.raises(UnknownAction):
        requires("report.shred")


@pytest.mark.parametrize(
    "target", ["/id/", "/en/reports", "/id/reports?page=2&state=open", "/id/cases/case-1/", "/xx/"]
)
def test_pages_of_ours_are_safe_to_go_on_to(target):
    assert safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "reports",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "/id\\evil",
        "/id//evil",
        "/id/../evil",
        "/id/.well-known",
        "https://evil.test/id/",
        "javascript:alert(1)",
        "/id/\n",
        "/id/\tx",
        "/id/@evil.test",
        "/id/?next=//evil.test",
        "/api/v1/reports",
        "/id/" + "x" * 600,
    ],
)
def test_everything_else_is_not(target):
    assert safe_next(target) is None
