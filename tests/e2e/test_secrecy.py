"""A canary in every identifying field is found nowhere outside the vault; a planted one is found everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared import domain, operations
from shared.events import DecodeError
from shared.settings import load
from tests.e2e.test_way_of_a_report import subscribe
from tests.support.canary import PERSON, Canary, documents, files
from tests.support.ledger import settle
from tests.support.receiver import receiver
from tests.support.stack import Stack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
VAULT = ("vault",)
# mongod's data files hold the documents that are read one by one; Kafka's jars are no data.
DATA_FILES = ("mongod",)


def everywhere(stack: Stack, agency: Any) -> Iterator[tuple[str, str]]:
    """Everything that the product wrote or sent, except the vault."""
    yield from documents(stack.database(), but=VAULT)
    yield from files(stack.state, but=DATA_FILES)
    yield "mongod's log", (stack.state / "logs" / "mongod.log").read_text(errors="replace")
    yield "what it printed", stack.text
    for message in agency.received:
        yield "a webhook", f"{message.headers} {message.body.decode()}"
    for event in operations.tail(
        load("intake", stack.environment()), operations.all_topics(), from_start=True, until_end=True
    ):
        yield "a topic", str(event) if isinstance(event, DecodeError) else json.dumps(event.__dict__, default=str)


def test_every_declared_field_has_a_canary() -> None:
    report = Canary().report()
    sent = {*report["children"][0], *(f"reporter_{name}" for name in report["reporter"])}
    sent |= {*(f"workplace_{name}" for name in report["workplace"]), "narrative"}
    declared = {*domain.identifying_fields("report"), *(set(domain.identifying_fields("person")) & set(PERSON))}
    assert declared <= sent


def test_an_identity_is_nowhere_but_in_the_vault(stack: Stack) -> None:
    canary = Canary()
    with receiver() as agency:
        subscribe(stack, agency.url)
        clerk, worker = stack.client("intake_clerk"), stack.client("case_worker")
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
        cases = wait_for(lambda: worker.call("GET", f"/api/v1/cases?report_id={report_id}").json()["items"], "the case")
        opened = worker.call("GET", f"/api/v1/cases/{cases[0]['case_number']}/identities").json()
        assert opened["child"]["name"] == canary.value("name")
        assert clerk.call("GET", f"/api/v1/reports/{number}/identities").json()["report"]["narrative"]
        wait_for(lambda: agency.received, "the webhook")
        settle(stack)
        assert canary.hits(everywhere(stack, agency)) == []


def test_the_search_finds_a_planted_canary_in_each_kind_of_place(stack: Stack) -> None:
    canary = Canary()
    reporting = stack.database()["reporting"]
    log = stack.state / "logs" / "planted.log"
    values = (canary.value("name"), canary.nik, canary.value("guardian_phone"), canary.mark.encode())
    names = [f"planted_{number}" for number in range(len(values))]
    try:
        for name, value in zip(names, values, strict=True):
            reporting[name].insert_one({"deep": [{"value": value}]})
        found = set(canary.hits(documents(stack.database(), but=VAULT)))
        assert found == {*(f"reporting.{name}" for name in names), "local.oplog.rs"}
        escaped = json.dumps(canary.value("name")).replace("K", "\\u004b")
        log.write_text(escaped)
        assert canary.hits(files(stack.state, but=DATA_FILES)) == [str(log)]
    finally:
        for name in names:
            reporting.drop_collection(name)
        log.unlink(missing_ok=True)
