"""Who may do what. The important cells are written out by hand: a change of rights.yaml must change this page too."""

import pytest

from shared.access.actor import ANONYMOUS, ROLES, Actor, system_actor
from shared.access.documents import seen_table, with_tables
from shared.access.rights import UnknownAction, may, rights

HERE, ELSEWHERE = "agency-" + "a" * 32, "agency-" + "b" * 32

# One letter a role, in the order of ROLES: intake clerk, case worker, supervisor, partner agency, analyst,
# administrator. A = all records, G = the own agency's, O = the own ones, N = those in which something waits, P = those
# of the own places, T = those of them that are assigned to the actor or to nobody, - = none.
EXPECTED = {
    "home.read": "AAAAAA",
    "report.register": "AAA---",
    "report.read": "AAA---",
    "report.read_identity": "PPN---",
    "report.separate": "AAA---",
    "report.match": "AAA---",
    "identity.erase": "--A---",
    "subject_request.handle": "-PA---",
    "retention.decide": "--A---",
    "report.hold": "--A---",
    "attachment.add": "AAA---",
    "attachment.read": "PPN---",
    "attachment.delete": "--A---",
    "case.read": "-AA---",
    "case.read_identity": "-TN---",
    "case.act": "-AA---",
    "case.take": "-P----",
    "case.assign": "--A---",
    "referral.read": "-AAG--",
    "referral.answer": "---G--",
    "referral.read_identity": "---G--",
    "subscription.read": "--AG-A",
    "subscription.create": "--AG--",
    "subscription.change": "--AG--",
    "subscription.delete": "--AG-A",
    "subscription.test": "--AG-A",
    "delivery.read": "--AG-A",
    "delivery.read_content": "--AG--",
    "delivery.resend": "--AG-A",
    "indicator.read": "AAAAAA",
    "indicator.read_exact": "--A---",
    "agency.read": "AAAAAA",
    "agency.manage": "--A--A",
    "company.read": "AAAAAA",
    "company.manage": "--A--A",
    "person.read": "OOAOOA",
    "person.manage": "-----A",
    "account.read": "OOOOOA",
    "account.manage": "-----A",
    "audit.read": "--A---",
    "break_glass.use": "--O---",
    "break_glass.read": "--A---",
    "break_glass.review": "--A---",
    "session.read": "OOOOOO",
    "session.delete": "OOOOOO",
    "session.end_others": "--G--A",
    "morning_email.choose": "-OOO--",
    "second_factor.manage": "OOOOOO",
}
SCOPE = {"A": "any", "G": "own_agency", "O": "own", "N": "needed", "P": "area", "T": "assigned", "-": None}


def actor(role, agency=HERE, identifier="account-1"):
    return Actor(id=identifier, role=role, agency_id=agency)


def test_every_action_has_an_expectation():
    assert set(EXPECTED) == set(rights())


@pytest.mark.parametrize("action", EXPECTED)
def test_the_table_says_what_was_meant(action):
    found = {role: rights()[action].roles.get(role) for role in ROLES}
    assert found == {role: SCOPE[letter] for role, letter in zip(ROLES, EXPECTED[action], strict=True)}


def test_a_partner_agency_sees_its_own_subscriptions_only():
    partner = actor("partner_agency")
    assert may(partner, "subscription.read")
    assert may(partner, "subscription.read", {"agency_id": HERE})
    refused = may(partner, "subscription.read", {"agency_id": ELSEWHERE})
    assert (refused.allowed, refused.reason) == (False, "out_of_scope")


def test_two_absent_agencies_are_not_the_same_agency():
    stray = actor("partner_agency", agency=None)
    assert not may(stray, "subscription.read", {"agency_id": None})
    assert not may(stray, "subscription.read", {})


def test_an_account_reads_its_own_session_only():
    clerk = actor("intake_clerk")
    assert may(clerk, "session.read", {"owner": "account-1"})
    assert not may(clerk, "session.read", {"owner": "account-2"})
    assert not may(clerk, "session.read", {})


def test_what_is_needed_is_what_waits_for_the_role_or_the_account():
    """Seen to fail with `needed` that asks for the role alone, and with one for which nothing is everybody's."""
    supervisor = actor("supervisor")
    assert may(supervisor, "case.read_identity", {"needed_by": ["supervisor"]})
    assert may(supervisor, "case.read_identity", {"needed_by": ["account-1"]})
    for record in ({}, {"needed_by": []}, {"needed_by": ["case_worker", "account-2"]}):
        assert may(supervisor, "case.read_identity", record).reason == "out_of_scope"


def test_administrators_and_analysts_never_see_a_child():
    for role in ("administrator", "analyst", "partner_agency"):
        for action in rights():
            if action.startswith(("report.", "case.", "break_glass.")):
                assert may(actor(role), action, {"agency_id": HERE}).reason == "no_right", (role, action)


def test_nobody_and_the_system_have_no_rights():
    for action in rights():
        assert may(ANONYMOUS, action).reason == "unauthenticated"
        assert may(system_actor("cases.worker"), action).reason == "no_right"


def test_an_unknown_action_is_a_mistake_and_not_a_refusal():
    with pytest.raises(UnknownAction):
        may(actor("administrator"), "report.shred")


def test_an_unknown_role_cannot_exist():
    with pytest.raises(ValueError):
        actor("root")


def test_one_table_says_what_each_role_sees_of_a_case():
    """From the rights, the readers of fields and the kinds of referral together. Seen to fail with each of them left
    out of documents._opened."""
    rows = {}
    for line in seen_table().splitlines()[2:]:
        what, *cells = line.strip("| ").replace("|  |", "| - |").replace("|  |", "| - |").split(" | ")
        rows[what.partition(" ")[0]] = dict(zip(ROLES, cells, strict=False))
    assert rows["`person.nik`"]["case_worker"] == "report: own area; case: when assigned"
    assert rows["`person.nik`"]["intake_clerk"] == "report: own area"
    assert rows["`report.reporter_name`"]["supervisor"] == "report: when needed; case: when needed"
    assert rows["`report.reporter_name`"]["case_worker"] == "-", "also where the case is theirs"
    assert rows["`person.guardian_phone`"]["partner_agency"].startswith("referral: health, shelter")
    assert "police" not in rows["`person.guardian_phone`"]["partner_agency"]


def test_the_page_shows_changed_tables():
    from shared.access.documents import BEGIN, END, SEEN_BEGIN, SEEN_END

    page = with_tables(f"before\n{BEGIN}\nstale\n{END}\nmiddle\n{SEEN_BEGIN}\nstale\n{SEEN_END}\nafter\n")
    assert "| `report.read_identity` |" in page and "| `report.reporter_name` " in page and "stale" not in page
    assert page.startswith("before") and "\nmiddle\n" in page and page.endswith("after\n")
    with pytest.raises(ValueError):
        with_tables("no markers")
