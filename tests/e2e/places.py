"""Every page of the product, by who looks at it, and the things that their addresses name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.intake.retention import review
from shared.foundation import Foundation
from shared.settings import load
from tests.support.files import a_photograph
from tests.support.reports import a_child, a_report
from tests.support.stack import Client, Stack, wait_for

#: role -> pages as an address without its language; {names} are keys of `things`.
PAGES: dict[str | None, list[str]] = {
    None: ["/sign-in"],
    "intake_clerk": ["/", "/reports", "/reports/new", "/reports/matches", "/reports/{report}", "/dashboard",
                     "/reports/{again}/children/{again_child}/separate", "/reports/{again}",
                     "/agencies", "/companies", "/people", "/intake/api-docs"],
    "case_worker": ["/", "/sessions", "/sign-out", "/second-factor", "/second-factor/off",
                    "/second-factor/recovery-codes", "/cases", "/cases/{case}", "/reports/{report}",
                    "/cases/{new_case}/commands/take_step?about=screen",
                    "/reports/{report}/children/{child}/request", "/reports/{report}/children/{child}/correction",
                    "/reports/requests", "/reports/requests/{copy}", "/reports/requests/{correction}",
                    "/referrals", "/referrals/{referral}"],
    "supervisor": ["/", "/dashboard", "/cases?stage=", "/cases/{case}", "/break-glass", "/break-glass/{grant}",
                   "/cases/{new_case}/commands/assign_case",
                   "/break-glass/new?case={case}", "/subscriptions", "/agencies/new", "/agencies/{agency}",
                   "/agencies/{agency}/edit", "/companies/new", "/companies/{company}", "/companies/{company}/edit",
                   "/reporting/api-docs", "/reports/erasures", "/reports/{redacted}/redaction",
                   "/reports/{report}/children/{child}/erase", "/reports/{report}/hold", "/reports/retention",
                   "/reports/retention/{proposal}", "/reports/{report}/attachments/{attachment}/delete",
                   "/audit", "/audit/looks?subject={report_id}", "/morning-email"],
    "partner_agency": ["/", "/subscriptions", "/subscriptions/new", "/subscriptions/{subscription}",
                       "/subscriptions/{subscription}/edit", "/subscriptions/{subscription}/delete",
                       "/subscriptions/{subscription}/deliveries/{delivery}", "/dashboard", "/referrals",
                       "/referrals/{referral}", "/referrals/{referral}/commands/decline", "/notifications/api-docs"],
    "analyst": ["/", "/dashboard"],
    "administrator": ["/", "/people", "/people/new", "/people/{person}", "/people/{person}/edit",
                      "/people/{person}/account", "/accounts", "/accounts/{account}", "/accounts/{account}/edit",
                      "/accounts/{account}/leaving",
                      "/sessions/colleagues", "/directory/api-docs", "/cases/api-docs"],
}  # fmt: skip

#: What is asked for as a page is, but sends a file or a piece of a page, or leads elsewhere.
NO_PAGES = {
    "/audit/looks.csv",
    "/break-glass/tally",
    "/dashboard/charts/<id>.svg",
    "/reports/<id>/attachments/<id>",
    "/sign-in/provider",
}
#: What is there only where the office has a sign-in service of its own, which this product has not:
#: tests/integration/directory/test_provider_in_a_browser.py looks at it.
OF_A_PROVIDER = {"/sign-in/no-account"}
#: What only a story leads to: test_second_factor_and_invitation.py looks at them.
IN_STORIES = {"/new-password", "/second-factor/set-up", "/sign-in/second-factor", "/sign-in/set-up"}


def things(stack: Stack) -> dict[str, str]:
    """What the addresses of pages name, made by those whose work it is; at the end the clock proposes to erase."""
    clerk, administrator = stack.client("intake_clerk"), stack.client("administrator")
    report, over = clerk.register(a_report()).json(), clerk.register(a_report()).json()
    account = administrator.call("GET", "/api/v1/accounts?page_size=1").json()["items"][0]
    waits = clerk.register(a_report()).json()["report_id"]
    again = clerk.register(a_report(children=[a_child(same_as=report["children"][0]["child_id"])])).json()
    return {
        "again": again["number"],
        "again_child": again["children"][0]["child_id"],
        "report": report["number"],
        "report_id": report["report_id"],
        "child": report["children"][0]["child_id"],
        "attachment": _photograph(clerk, report["number"]),
        "account": account["id"],
        "person": account["person_id"],
        "redacted": _erased(stack, over["number"], over["children"][0]["child_id"]),
        **requests_of(stack.client("case_worker"), report),
        **referred_case(stack, report["report_id"]),
        **_subscription(stack.client("partner_agency")),
        **_registry(stack.client("supervisor")),
        "new_case": _opened(stack.client("case_worker"), waits)["case_number"],
        "proposal": _proposal(stack, waits),
    }


def given(answer: Any, status: int) -> Any:
    """The body of an answer that must have this status."""
    assert answer.status == status, answer.data
    return answer.json()


def _photograph(clerk: Client, number: str) -> str:
    answer = clerk.pool.request(
        "POST",
        f"{clerk.url}/api/v1/reports/{number}/attachments",
        fields={"file": ("pabrik.jpg", a_photograph(), "image/jpeg")},
        headers={"Authorization": f"Bearer {clerk.token}", "Idempotency-Key": f"photograph-{number}"},
    )
    return str(given(answer, 201)["attachment_id"])


def _erased(stack: Stack, number: str, child_id: str) -> str:
    """A report whose narrative waits for its redaction."""
    path = f"/api/v1/reports/{number}/children/{child_id}/erasure"
    given(stack.client("supervisor").call("POST", path, {"reason": "guardian_request"}), 201)
    return number


def requests_of(worker: Client, report: Any) -> dict[str, str]:
    """A request for a copy, and one for a correction."""
    asked = {"child_id": report["children"][0]["child_id"], "asked_by": "guardian", "identity_check": "identity_card"}
    path, made = f"/api/v1/reports/{report['number']}/requests", {}
    for kind, more in (("copy", {}), ("correction", {"kind": "correction", "wrong": ["name", "school"]})):
        answer = worker.call("POST", path, {**asked, **more}, Idempotency_Key=f"{kind}-{report['number']}")
        made[kind] = given(answer, 201)["request_id"]
    return made


def referred_case(stack: Stack, report_id: str) -> dict[str, str]:
    """The report's case, in which an agency has been asked; and a glass that was broken for it."""
    worker, supervisor = stack.client("case_worker"), stack.client("supervisor")
    case = _opened(worker, report_id)
    path, version = f"/api/v1/cases/{case['case_number']}", case["version"]
    glass = supervisor.call("POST", "/api/v1/break-glass", {"case_number": case["case_number"], "reason": "danger_now"})
    agencies = supervisor.call("GET", "/api/v1/agencies?page_size=100").json()["items"]
    agency = next(each["id"] for each in agencies if each["kind"] == "education_office")
    for who, command, subject, more in (
        (worker, "take_step", "screen", {"facts": {"risk": "medium"}}),
        (worker, "take_step", "assess",
         {"facts": {"needs": "services", "working": "working", "schooling": "none"}}),
        (worker, "give_consent", "services", {}),
        (worker, "give_consent", "disclosure", {}),
        (worker, "take_step", "agree_plan", {}),
        (supervisor, "approve", "", {}),
        (worker, "request_referral", "education", {"agency_id": agency}),
    ):  # fmt: skip
        order = {"command": command, "subject": subject, **more}
        case = given(who.call("POST", f"{path}/commands", order, If_Match=f'"{version}"'), 200)
        version = case["version"]
    return {
        "case": case["case_number"],
        "grant": given(glass, 201)["grant_id"],
        "referral": case["referrals"][0]["referral_id"],
    }


def _opened(worker: Client, report_id: str) -> Any:
    """The case of the only child of a report."""
    return wait_for(lambda: worker.cases_of(report_id), "the case")[0]


def _subscription(partner: Client) -> dict[str, str]:
    """A subscription to an address at which nobody answers, with the delivery of a test."""
    wanted = {"url": "http://127.0.0.1:9/kabar", "event_types": ["case.opened"]}
    made = given(partner.call("POST", "/api/v1/subscriptions", wanted, Idempotency_Key="places-1"), 201)
    answer = partner.call("POST", f"/api/v1/subscriptions/{made['id']}/test", Idempotency_Key="places-2")
    assert answer.status in (201, 202), answer.data

    def sent() -> Any:
        return partner.call("GET", f"/api/v1/deliveries?subscription_id={made['id']}").json()["items"]

    return {"subscription": made["id"], "delivery": wait_for(sent, "the delivery")[0]["id"]}


def _registry(supervisor: Client) -> dict[str, str]:
    kinds = {"agency": "agencies", "company": "companies"}
    return {
        name: supervisor.call("GET", f"/api/v1/{kind}?page_size=1").json()["items"][0]["id"]
        for name, kind in kinds.items()
    }


def _proposal(stack: Stack, report_id: str) -> str:
    """The proposal to erase a child whose case ended long ago."""
    ended_long_ago(stack, report_id)
    foundation = Foundation.start(load("intake", stack.environment()))
    assert review.review(foundation) >= 1
    foundation.database.client.close()
    found = stack.database()["intake"]["proposals"].find_one({"report_id": report_id})
    assert found is not None
    return str(found["_id"])


def ended_long_ago(stack: Stack, report_id: str) -> None:
    """As intake knows it, the only case of a report has: what identifies its child is over by every rule."""
    courses = stack.database()["intake"]["courses"]
    ended = {"ended_at": datetime(2010, 3, 2, tzinfo=UTC), "stage": "closed", "reasons": ["goals_reached"]}
    wait_for(lambda: courses.update_one({"report_id": report_id}, {"$set": ended}).matched_count, "its course")
