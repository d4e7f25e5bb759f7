"""A canary in every identifying field is found nowhere outside the vault; a planted one is found everywhere (4)."""

# ruff: noqa: F811 (a fixture is imported, and then named as an argument)
from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from kafka import KafkaProducer

from deploy.local import leash
from deploy.local.ports import free_port, wait_until
from shared import domain
from shared.access import Actor
from shared.domain.retention import retention
from shared.foundation import Foundation
from shared.settings import load
from tests.e2e.conftest import spans, stack  # noqa: F401
from tests.e2e.places import ended_long_ago, given, referred_case, requests_of
from tests.e2e.test_way_of_a_report import subscribe
from tests.support.canary import PERSON, Canary, documents, files, records
from tests.support.clock_runs import Clock
from tests.support.files import a_photograph
from tests.support.ledger import settle
from tests.support.receiver import receiver
from tests.support.stack import RUJUKAN, Client, Stack, serves, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
VAULT = ("vault",)
# mongod's data files hold the documents that are read one by one; Kafka's segments the records.
DATA_FILES = ("mongod", "kafka")
#: Declared, and taken by no form yet: they are sealed here by the vault itself.
NOT_TAKEN = {"person": ("birth_date", "phone"), "report": (), "attachment": ("content",)}
#: What is said of a file; its content is a picture, whose pixels tell nothing that could be searched for.
FILE = ("file_name", "description")
#: What the carrying out of retention leaves, each word in a place that is searched: else the search would find nothing
#: because nothing was there.
OF_RETENTION = {
    "topic intake.reports": "retention.carried_out",
    "intake.proposals": '"carried_out"',
    "intake.erasures": '"retention"',
    "intake.journal": "report.child_erased",
    "logs/flows.log": "retention_carried_out",
    "data/prefect/prefect.db": "1 erased, 0 withdrawn, 0 waiting",
}
CLERK = Actor("account-" + "a" * 32, "intake_clerk", session="session-1")


class Web:
    """A second web beside the product's own, whose metrics and output can be read."""

    def __init__(self, stack: Stack) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.output = stack.state / "logs" / "second-web.log"
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RUJUKAN_")},
            **stack.environment(),
            "RUJUKAN_BIND": f"127.0.0.1:{self.port}",
            "RUJUKAN_METRICS_PORT": str(self.metrics_port),
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                leash.command([RUJUKAN, "run", "web"]), env=leash.environment(environ), stdout=output, stderr=output
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def metrics(self) -> str:
        """What Prometheus would read of it."""
        text = urllib3.request("GET", f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10).data.decode()
        assert "rujukan_request_seconds" in text
        return text


@contextmanager
def second_web(stack: Stack) -> Iterator[Web]:
    web = Web(stack)
    try:
        wait_until(lambda: serves(f"{web.url}/healthz"), 60, "the second web")
        yield web
    finally:
        web.process.terminate()
        web.process.wait(30)


def everywhere(stack: Stack, agency: Any, web: Web | None) -> Iterator[tuple[str, str]]:
    """Everything that the product wrote, said or sent, except the vault."""
    yield from documents(stack.database(), but=VAULT)
    yield from files(stack.state, but=DATA_FILES)  # every log, mongod's and Kafka's too, and the audit heads
    yield "what it printed", stack.text
    for message in agency.received:
        yield "a webhook", f"{message.headers} {message.body.decode()}"
    yield from records(load("intake", stack.environment()).kafka_bootstrap)
    if web is not None:
        yield "a metric", web.metrics()


def test_04_every_declared_field_has_a_canary() -> None:
    """Seen to fail with a field that is declared in identifying.yaml and neither sent nor named in NOT_TAKEN."""
    report = Canary().report()
    sent = {"person": set(report["children"][0]) & set(PERSON), "report": {"narrative"}}
    sent["report"] |= {*(f"reporter_{name}" for name in report["reporter"])}
    sent["report"] |= {*(f"workplace_{name}" for name in report["workplace"])}
    sent["report"] |= {*(f"transfer_{name}" for name in report["transfer"])}
    sent["attachment"] = set(FILE)
    for owner, taken in sent.items():
        assert taken | set(NOT_TAKEN[owner]) == set(domain.identifying_fields(owner))


def test_04_an_identity_is_nowhere_but_in_the_vault(stack: Stack) -> None:
    """Seen to fail with a narrative in a log line, with a name kept beside the report's codes, with the values of a
    correction in its request. In what is done by retention, seen to fail with a narrative in a log line of whoever
    carries it out, on the page of a proposal, in the proposal that was carried out, and in what a run tells Prefect."""
    canary = Canary()
    with receiver() as agency, second_web(stack) as web:
        subscribe(stack, agency.url)
        clerk, worker = stack.client("intake_clerk"), stack.client("case_worker")
        clerk.url = web.url
        refused = clerk.register({**canary.report(), "children": [{"birth_date": canary.birth_date}]})
        assert refused.status == 422, "now that a form takes it, it belongs into Canary.report"
        answer = clerk.register(canary.report())
        assert answer.status == 201, answer.data
        number, report_id = answer.json()["number"], answer.json()["report_id"]
        assert canary.hits([("the answer", answer.data.decode())]) == []
        # Mistakes are made with identities too: none may end in a log.
        for broken in ({"channel": canary.value("name")}, {"kelurahan": canary.nik}, {canary.mark: canary.mark}):
            refused = clerk.register({**canary.report(), **broken})
            assert refused.status == 422
        clerk.call("GET", f"/api/v1/reports/{canary.mark}")
        clerk.call("GET", f"/id/reports?number={canary.nik}")
        cases = wait_for(lambda: worker.cases_of(report_id), "the case")
        opened = worker.call("GET", f"/api/v1/cases/{cases[0]['case_number']}/identities").json()
        assert opened["child"]["name"] == canary.value("name")
        assert clerk.call("GET", f"/api/v1/reports/{number}/identities").json()["report"]["narrative"]
        seal_what_no_form_takes(stack, canary, report_id)
        add_a_file(clerk, canary, number)
        the_other_ways(stack, web.url, canary, answer.json())
        pages = what_is_over(stack, web.url, canary)
        wait_for(lambda: agency.received, "the webhook")
        settle(stack)
        places = [*everywhere(stack, agency, web), *pages]
        assert canary.hits(places) == []
        for where, word in OF_RETENTION.items():
            assert any(where in name and word in text for name, text in places), f"{word} in {where}"


def the_other_ways(stack: Stack, url: str, canary: Canary, report: dict[str, Any]) -> None:
    """What else is done with an identity: searched, referred, opened by broken glass, copied, corrected, held, erased,
    redacted; and mistakes at it."""
    clerk, worker, supervisor = (stack.client(role) for role in ("intake_clerk", "case_worker", "supervisor"))
    for client in (clerk, worker, supervisor):
        client.url = url
    wanted = {"name": canary.value("name"), "guardian_name": canary.value("guardian_name"), "age_years": 12}
    given(clerk.call("POST", "/api/v1/reports/matches", wanted), 200)
    given(clerk.call("POST", "/api/v1/reports/matches", {canary.mark: canary.nik}), 422)
    case = referred_case(stack, report["report_id"])["case"]
    opened = given(supervisor.call("GET", f"/api/v1/cases/{case}/identities"), 200)
    assert opened["child"]["name"] == canary.value("name"), "by broken glass"
    asked, address = requests_of(worker, report), "/api/v1/reports/requests"
    [copy] = given(worker.call("POST", f"{address}/{asked['copy']}/copy"), 200)["reports"]
    assert copy["child"]["nik"] == canary.nik
    correction = f"{address}/{asked['correction']}/correction"
    for values, status in (({"name": canary.value("name"), "nik": canary.nik}, 422), ({}, 200)):
        right = values or {name: canary.value(name) for name in ("name", "school")}
        given(worker.call("POST", correction, {"values": right}, If_Match='"1"'), status)
    path = f"/api/v1/reports/{report['number']}"
    given(supervisor.call("POST", f"{path}/hold", {"reason": canary.value("name")}), 422)
    given(supervisor.call("POST", f"{path}/hold", {"reason": "court"}), 200)
    given(supervisor.call("DELETE", f"{path}/hold"), 200)
    child = report["children"][0]["child_id"]
    given(supervisor.call("POST", f"{path}/children/{child}/erasure", {"reason": "guardian_request"}), 201)
    version = given(supervisor.call("GET", path), 200)["version"]
    redacted = {"narrative": canary.value("narrative")}
    given(supervisor.call("POST", f"{path}/redaction", redacted, If_Match=f'"{version}"'), 200)


def what_is_over(stack: Stack, url: str, canary: Canary) -> list[tuple[str, str]]:
    """The clock proposes to erase a child, a supervisor approves, the clock carries it out; then the same of the report
    as a whole, with its file. Returns the pages that were seen at each step."""
    clerk, supervisor = stack.client("intake_clerk"), stack.client("supervisor")
    clerk.url = supervisor.url = url
    report = given(clerk.register(canary.report()), 201)
    add_a_file(clerk, canary, report["number"])
    ended_long_ago(stack, report["report_id"])
    identities = f"/api/v1/reports/{report['number']}/identities"
    seen: list[tuple[str, str]] = []

    def approve(child_id: str | None) -> None:
        [wanted] = [
            each
            for each in given(supervisor.call("GET", "/api/v1/reports/retention"), 200)["items"]
            if each["report_id"] == report["report_id"]
        ]
        assert wanted["child_id"] == child_id
        path = f"/api/v1/reports/retention/{wanted['proposal_id']}"
        refused = supervisor.call("POST", f"{path}/decision", {"decision": canary.value("name")}, If_Match='"1"')
        assert refused.status == 422
        look(f"/id/reports/retention/{wanted['proposal_id']}")
        given(supervisor.call("POST", f"{path}/decision", {"decision": "approve"}, If_Match='"1"'), 200)
        for state in ("proposed", "approved", "carried_out"):
            look(f"/id/reports/retention?state={state}")

    def look(path: str) -> None:
        answer = supervisor.call("GET", path)
        assert answer.status == 200, path
        seen.append((f"the page {path}", answer.data.decode()))

    wait = timedelta(hours=retention().wait_hours, minutes=1)
    with Clock(stack).going() as clock:
        clock.run("intake", "propose")
        approve(report["children"][0]["child_id"])
        assert given(clerk.call("GET", identities), 200)["children"][0]["nik"] == canary.nik, "nothing is erased yet"
        clock.run("intake", "carry_out", wait)
        assert given(clerk.call("GET", identities), 200)["children"] == [{}]
        clock.run("intake", "propose", wait)
        approve(None)
        clock.run("intake", "carry_out", 2 * wait)
    for path in (f"/id/reports/{report['number']}", "/id/reports/erasures", "/id/reports/retention?state=carried_out"):
        look(path)
    given(clerk.call("GET", identities), 404)
    return seen


def add_a_file(clerk: Client, canary: Canary, number: str) -> None:
    """With a canary in its name and in what is said of it, and opened again; also one that is refused."""
    address = f"{clerk.url}/api/v1/reports/{number}/attachments"
    said = {"Authorization": f"Bearer {clerk.token}"}
    for content, status in ((a_photograph(), 201), (canary.value("narrative").encode(), 415)):
        sent = {
            "file": (f"{canary.value('file_name')}.jpg", content),
            "description": canary.value("description"),
        }
        answer = clerk.pool.request(
            "POST", address, fields=sent, headers={**said, "Idempotency-Key": f"{number}-{status}"}
        )
        assert answer.status == status, answer.data
    names = clerk.call("GET", f"/api/v1/reports/{number}/attachments/names").json()["items"]
    assert [each["description"] for each in names] == [canary.value("description")]


def seal_what_no_form_takes(stack: Stack, canary: Canary, report_id: str) -> None:
    """By the vault itself, and opened again."""
    found = stack.database()["intake"]["reports"].find_one({"_id": report_id})
    assert found is not None
    person = found["children"][0]["person_id"]
    intake = Foundation.start(load("intake", stack.environment()))
    values = {name: canary.value(name) for name in NOT_TAKEN["person"]}

    def work(unit: Any) -> dict[str, Any]:
        intake.sealed.seal(unit, person, values)
        return {}

    intake.journal.run(work, actor=CLERK)
    assert intake.sealed.open(CLERK, person, values, "report_page", "area") == values


def test_04_a_planted_canary_is_found_in_each_kind_of_place(stack: Stack) -> None:
    """A control of the search in the tests above, which finds nothing: it finds what it must never find, wherever that
    is, and however it is written. A place that `everywhere` leaves out is missing here."""
    canary = Canary()
    reporting = stack.database()["reporting"]
    logs = stack.state / "logs"
    values = {
        "as_it_is": canary.value("name"),
        "a_number": canary.nik,
        "a_birth_date": canary.birth_date,
        "a_phone_with_punctuation": canary.value("guardian_phone"),
        "bytes": canary.mark.encode(),
        "base64": base64.b64encode(f"xy{canary.value('name')}".encode()).decode(),
    }
    planted = logs / "planted.log"
    mongod_log = logs / "mongod.log"
    before = mongod_log.stat().st_size
    bootstrap = load("intake", stack.environment()).kafka_bootstrap
    try:
        for name, value in values.items():
            reporting[f"planted_{name}"].insert_one({"deep": [{"value": value}]})
        planted.write_text(json.dumps(canary.value("name")).replace("K", "\\u004b"))
        with mongod_log.open("a") as log:
            log.write(f'{{"msg": "duplicate key", "value": "{canary.value("name")}"}}\n')
        producer = KafkaProducer(bootstrap_servers=list(bootstrap))
        producer.send("cases.events", key=b"no event of ours", value=canary.value("narrative").encode()).get(20)
        producer.close()
        for reader in ("intake", "reporting", "notifications"):  # which park what they cannot read, as it came
            wait_for(lambda reader=reader: stack.database()[reader]["parked"].find_one(), f"parked by {reader}")
        with receiver() as agency:
            urllib3.request("POST", agency.url, body=canary.value("name").encode())
            found = set(canary.hits(everywhere(stack, agency, None)))
        expected = {*(f"reporting.planted_{name}" for name in values), "local.oplog.rs"}
        expected |= {str(planted), str(mongod_log), "topic cases.events", "a webhook"}
        expected |= {"intake.parked", "reporting.parked", "notifications.parked"}
        assert found == expected
    finally:
        for name in values:
            reporting.drop_collection(f"planted_{name}")
        planted.unlink(missing_ok=True)
        os.truncate(mongod_log, before)
