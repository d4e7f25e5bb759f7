"""Any history of commands given to the running service, held against the pure core after every one.

The service decides on what it has stored, with ids, versions, rights and words of its wire in between; the core decides
on the case that this test keeps. Seen to fail with a version that is not looked at, a command that is not remembered
under its key, and tasks that are not stored.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from services.cases import agencies, definitions, model, store
from services.cases import commands as orders
from services.cases.app import create_app
from services.cases.engine import Case, Refusal, available, commands, decide, evolve
from shared.access import Actor
from shared.clock import utc_now
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Context
from tests.support.web import Browser
from tests.unit.cases.engine.cases import WORDS

pytestmark = pytest.mark.mongo
CASES, REFERRALS = "/api/v1/cases", "/api/v1/referrals"
KINDS = {"health_centre": 2, "police_ppa": 1, "social_office": 1}


class Running(RuleBasedStateMachine):
    """One case of the running service, the people who work on it, and the same case in the pure core."""

    def __init__(
        self,
        foundation: Foundation,
        arrive: Callable[..., dict[str, Any]],
        agency: Callable[..., str],
        told: Callable[..., None],
    ) -> None:
        super().__init__()
        self._told = told
        self._now = utc_now()
        self._foundation = replace(foundation, clock=lambda: self._now)
        self._arrive, self._agency = arrive, agency
        self._app = create_app(self._foundation)
        self._last: tuple[Browser, str, dict[str, Any], dict[str, str], Any] | None = None

    @initialize(severity=strategies.sampled_from(["emergency", "high", "medium", "low"]), far=strategies.booleans())
    def arrives(self, severity: str, far: bool) -> None:
        """A report of one child has come in; half of the cases are at their services already."""
        for name in (store.CASES, agencies.REFERRALS, agencies.AGENCIES):  # of the histories before this one
            self._foundation.database[name].delete_many({})
        # Every second one takes one referral at a time.
        self._agencies = {
            self._agency(kind, capacity=1 if each % 2 else None): kind
            for kind, number in KINDS.items()
            for each in range(number)
        }
        office = new_id("agency")
        staff = [("case_worker", office), ("case_worker", office), ("supervisor", office)]
        members = [("partner_agency", agency) for agency in self._agencies for _ in range(2)]
        self._people = [
            Actor(new_id("account"), role, agency, "session", "Petugas") for role, agency in staff + members
        ]
        for each in self._people[:2]:
            self._told(each)
        self._found = self._arrive(severity=severity, received=self._now)
        self._case: Case = self._stored()
        if far:
            worker, _, supervisor = self._people[:3]
            self._gives(worker, "take_step", "screen", {"facts": {"risk": "medium"}})
            facts = {"needs": "services", "working": "working", "schooling": "none"}
            self._gives(worker, "take_step", "assess", {"facts": facts})
            for consent in ("services", "disclosure"):
                self._gives(worker, "give_consent", consent, {})
            self._gives(worker, "take_step", "agree_plan", {})
            self._gives(supervisor, "approve", "", {})
            assert self._case.stage == "implementation"
            for agency, kind in self._agencies.items():  # both are asked: what they decline is a task for somebody
                if kind == "health_centre":
                    self._gives(worker, "request_referral", "health", {"agency_id": agency})

    @rule(data=strategies.data(), possible=strategies.booleans())
    def somebody_gives_a_command(self, data: strategies.DataObject, possible: bool) -> None:
        """Offered or not: the service takes what the core takes, and refuses what it refuses."""
        person = data.draw(strategies.sampled_from(self._people))
        mine = [
            each
            for each in available(definitions.current(), self._case, person, self._now)
            if each.now == possible and (each.command in orders.OF_AN_AGENCY) == (person.role == "partner_agency")
        ]
        if mine:
            each = data.draw(strategies.sampled_from(mine))
            self._gives(person, each.command, each.subject, self._details(each.command, each.subject, data))

    @precondition(lambda self: self._last is not None)
    @rule()
    def a_command_is_sent_again_under_its_key(self) -> None:
        """The answer of the first time comes again, and nothing else happens."""
        assert self._last is not None
        browser, path, body, headers, first = self._last
        again = browser.api("POST", path, body, headers=headers)
        assert again.status_code == first.status_code
        self._is_as_the_core_has_it()

    @rule(data=strategies.data())
    def somebody_acts_on_an_old_page(self, data: strategies.DataObject) -> None:
        """Who knows an older version is told so."""
        if self._case.version < 2:
            return
        worker = Browser(self._app, self._people[0])
        version = data.draw(strategies.integers(1, self._case.version - 1))
        answer = worker.api(
            "POST",
            f"{CASES}/{self._found['case_number']}/commands",
            {"command": "give_consent", "subject": "services"},
            headers={"If-Match": f'"{version}"'},
        )
        assert answer.status_code == 412
        self._is_as_the_core_has_it()

    @rule(hours=strategies.integers(1, 300))
    def time_passes_and_two_sweeps_overlap(self, hours: int) -> None:
        """Each effect once, however many sweep."""
        self._now += timedelta(hours=hours)
        self._expect(self._tick())
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda _: orders.sweep(self._foundation), range(2)))
        self._is_as_the_core_has_it()

    @rule()
    def the_service_is_restarted(self) -> None:
        """What it knows lies in the database."""
        self._app = create_app(self._foundation)

    def _gives(self, person: Actor, name: str, subject: str, details: dict[str, Any]) -> None:
        browser = Browser(self._app, person)
        if name in orders.OF_AN_AGENCY:
            path = f"{REFERRALS}/{subject}"
            shown = browser.api("GET", path)
            body = {"command": name, **details}
            if shown.status_code == 404:  # another agency's: not even its being there is told
                assert self._case.referrals[subject].agency_id != person.agency_id
                return
            headers = {"If-Match": shown.headers["ETag"], "Idempotency-Key": new_id("key")}
        else:
            path = f"{CASES}/{self._found['case_number']}"
            body = {"command": name, "subject": subject, **details}
            headers = {"If-Match": f'"{self._case.version}"', "Idempotency-Key": new_id("key")}
        before = self._case
        answer = browser.api("POST", f"{path}/commands", body, headers=headers)
        stored = self._stored()
        fresh = next((each for each in stored.referrals if each not in before.referrals), "")
        expected = decide(definitions.current(), before, self._command(person, name, subject, details, fresh))
        if isinstance(expected, Refusal):
            assert answer.status_code in (403, 409, 422), answer.text
            assert stored == before
        else:
            assert answer.status_code == 200, (answer.text, name, subject, details)
            self._expect_events(expected)
            self._last = (browser, f"{path}/commands", body, headers, answer)
        self._is_as_the_core_has_it()

    def _command(self, person: Actor, name: str, subject: str, details: dict[str, Any], fresh: str) -> commands.Command:
        kind, about = WORDS[name]
        said: dict[str, Any] = {"by": person, "at": self._now, "now": self._now, **details}
        if about:
            said[about] = subject
        if name == "assign_case":
            to = said.pop("account_id")
            said["to"] = next(each for each in self._people if each.id == to)
        if name == "request_referral":
            said |= {"referral_id": fresh or "new", "agency_kind": self._agencies[details["agency_id"]]}
        return kind(**said)

    def _details(self, name: str, subject: str, data: strategies.DataObject) -> dict[str, Any]:
        definition = definitions.current()

        def one_of(values: Any) -> Any:
            return data.draw(strategies.sampled_from(sorted(values)))

        if name == "take_step":
            step = definition.steps[subject]
            return {"facts": {fact: one_of(definition.facts[fact].values) for fact in step.records}}
        if name == "request_referral":
            return {"agency_id": data.draw(strategies.sampled_from(list(self._agencies)))}
        if name == "assign_case":
            return {"account_id": one_of(each.id for each in self._people[:2])}
        if name == "decline":
            return {"reason": one_of(definition.decline_reasons)}
        if name == "revoke":
            return {"reason": one_of(definition.revoke_reasons)}
        if name == "complete":
            return {"outcome": one_of(definition.referrals[self._case.referrals[subject].kind].outcomes)}
        return {}

    def _tick(self) -> commands.Command:
        """The clock's command, with the agencies that can be asked next."""
        said = (definitions.current(), self._case, self._found["kecamatan"], orders.CLOCK, self._now)
        return self._foundation.journal.transact(lambda unit: agencies.tick(unit, *said), Context(orders.CLOCK.id))

    def _expect(self, command: commands.Command) -> None:
        decided = decide(definitions.current(), self._case, command)
        assert not isinstance(decided, Refusal)
        self._expect_events(decided)

    def _expect_events(self, events: Any) -> None:
        for event in events:
            self._case = evolve(definitions.current(), self._case, event)

    def _is_as_the_core_has_it(self) -> None:
        """What is stored is the core's case, and what its history makes of it."""
        assert self._stored() == self._case
        rebuilt = None
        for entry in self._foundation.journal.history(self._found["_id"]):
            event = model.from_entry(entry)
            rebuilt = evolve(definitions.after(rebuilt, event), rebuilt, event)
        assert rebuilt == self._case

    def _stored(self) -> Case:
        found = store.get(self._foundation.database, self._found["_id"])
        assert found is not None
        return model.from_document(found)[1]


@pytest.mark.parametrize(
    ("examples", "steps"), [(8, 25), pytest.param(200, 60, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_whatever_is_asked_of_the_service_it_decides_as_the_core(
    foundation: Foundation,
    arrive: Callable[..., dict[str, Any]],
    agency: Callable[..., str],
    told: Callable[..., None],
    examples: int,
    steps: int,
) -> None:
    run_state_machine_as_test(
        lambda: Running(foundation, arrive, agency, told),
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
