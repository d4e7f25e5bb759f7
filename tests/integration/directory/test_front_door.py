"""One address for all: who is asked, what is passed on, and what is kept out."""

import pytest
from werkzeug.test import Client

from deploy.front_door import FrontDoor, create
from services.directory import seed
from services.directory.sessions import COOKIE
from shared.access.tokens import load_public_key, verify
from shared.mongo import Unavailable
from shared.settings import SERVICES
from shared.web.routes import routes
from tests.integration.directory.conftest import BASE, Visitor

pytestmark = pytest.mark.mongo


@pytest.fixture
def clerk(hire, agency):
    return hire("intake_clerk", agency_id=agency)


def test_a_service_gets_a_token_and_how_the_session_came(visit, clerk, foundation):
    person, program = visit().sign_in(clerk), visit().sign_in_as_program(clerk)
    for visitor, way in ((person, "cookie"), (program, "bearer")):
        received = visitor.get("/id/reports").json
        key = load_public_key(foundation.settings.token_public_key_file)
        assert verify(key, received["x-rujukan-token"]).id == clerk.account_id
        assert received["x-rujukan-auth"] == way


def test_nobody_brings_their_own_token(visit, clerk):
    program = visit().sign_in_as_program(clerk)
    genuine = program.get("/id/reports").json["x-rujukan-token"]
    forged = {"X-Rujukan-Token": genuine, "X-Rujukan-Auth": "bearer", "X-Rujukan-Something": "1"}
    received = visit().get("/id/reports", headers=forged).json
    assert [name for name in received if name.startswith("x-rujukan")] == []
    assert visit().call("GET", "/api/v1/sessions/current", headers=forged).status_code == 401


def test_a_bearer_token_that_is_over_is_not_saved_by_a_cookie(visit, clerk):
    person = visit().sign_in(clerk)
    received = person.get("/id/reports", headers={"Authorization": "Bearer nonsense"}).json
    assert "x-rujukan-token" not in received


def test_senseless_credentials_are_nobodys(visit):
    for header in ("", "Bearer", "Bearer ", "Bearer " + "x" * 5_000, "Basic YTpi", "Bearer \u00e9"):
        answer = visit().call("GET", "/api/v1/sessions/current", headers={"Authorization": header})
        assert answer.status_code == 401, header


def test_the_bare_address_opens_in_the_readers_language(visit):
    wanted = {"": "id", "en-GB,en;q=0.9": "en", "id": "id", "fr": "id", "en;q=0.1,id": "id", "id;q=0.1,en": "en"}
    for accepted, language in wanted.items():
        answer = visit().get("/", headers={"Accept-Language": accepted})
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/{language}/"), accepted


def test_what_is_between_us_stays_between_us(visit, app, clerk):
    secret = visit().sign_in(clerk).session()
    proxy = app.test_client(use_cookies=False)
    ways = {"cookie": {"Cookie": f"{COOKIE}={secret}"}, "bearer": {"Authorization": f"Bearer {secret}"}}
    for way, headers in ways.items():
        inside = proxy.get("/directory/internal/exchange", headers=headers)
        assert (inside.status_code, inside.headers["X-Rujukan-Auth"]) == (204, way)
        assert "X-Rujukan-Token" in inside.headers
    nobody = proxy.get("/directory/internal/exchange")
    assert nobody.status_code == 204 and "X-Rujukan-Token" not in nobody.headers
    for path in ("/directory/internal/exchange", "/intake/internal/anything", "/intake/internal"):
        outside = visit().get(path, headers=ways["bearer"])
        assert outside.status_code == 404 and "X-Rujukan-Token" not in outside.headers


def test_an_unknown_address_is_a_404(visit):
    for path in ("/nowhere", "/api/v1/nothing", "/api/v2/agencies", "/id/nothing", "/fr/agencies", "/.git"):
        answer = visit().get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 404, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_it_is_alive_and_says_what_is_not_ready(visit, door, foundation, mongo):
    assert visit().get("/healthz").json == {"status": "alive"}
    answer = visit().get("/readyz")
    assert answer.status_code == 503, "the application in place of intake has no readiness"
    assert answer.json["failing"] == ["intake: application"]
    assert answer.json["services"]["directory"] == {"mongodb": {"ok": True}}
    ready = FrontDoor({"directory": door._applications["directory"]}, lambda secret: None)
    assert Client(ready).get("/readyz").json["status"] == "ready"


def test_without_its_database_the_door_says_come_back_later(app):
    def unreachable(secret):
        raise Unavailable

    client = Client(FrontDoor({"directory": app}, unreachable))
    json = client.get("/api/v1/agencies", base_url=BASE, headers={"Authorization": "Bearer abc"})
    assert (json.status_code, json.mimetype) == (503, "application/problem+json")
    assert int(json.headers["Retry-After"]) > 0
    page = client.get("/id/agencies", base_url=BASE, headers={"Authorization": "Bearer abc"})
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert page.headers["Content-Security-Policy"] and "Layanan" in page.text
    static = client.get("/directory/static/shared/app.css", base_url=BASE, headers={"Authorization": "Bearer abc"})
    assert static.status_code == 200, "a file needs nobody's session"


def test_all_services_stand_behind_one_address(mongo, prefix, foundation):
    environ = {}
    for service in SERVICES:
        environ |= mongo.settings_environ(service, prefix)
    door = create(environ)
    seed.seed(foundation)
    supervisor = next(account for account in seed.DEMONSTRATION_ACCOUNTS if account.role == "supervisor")
    visitor = Visitor(door)
    entered = visitor.send("/id/sign-in", email=supervisor.email, password=supervisor.password)
    assert entered.status_code == 303
    for service, owned in routes().items():
        assert visitor.get(f"/{service}/healthz").json == {"status": "alive", "service": service}
        assert visitor.get(f"/{service}/openapi.json").status_code == 200
        for page in owned.pages:
            answer = visitor.get(f"/id/{page}")
            # 403: a page that a supervisor has no right to; a route that is not there would be 404.
            assert answer.status_code in (200, 303, 403), page
    ready = visitor.get("/readyz").json
    assert set(ready["services"]) == set(SERVICES)
