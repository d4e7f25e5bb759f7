"""Everybody chooses their own e-mail of the morning, and nobody another's."""

from __future__ import annotations

import pytest

from services.directory.morning import wishes

pytestmark = pytest.mark.mongo


def test_a_case_worker_chooses_english_and_then_none(visit, hire, foundation):
    worker, other = hire("case_worker"), hire("supervisor")
    visitor = visit().sign_in(worker)
    assert "/id/morning-email" in visitor.get("/id/").text
    page = visitor.get("/id/morning-email").text
    assert "Kantor ini belum mengirim surel." in page, "no mail server is named here"
    for chosen in ("en", "none", "id"):
        saved = visitor.send("/id/morning-email", wish=chosen)
        assert (saved.status_code, saved.headers["Location"]) == (303, "/id/morning-email")
        assert wishes.wish(foundation, worker.account_id) == chosen
        assert f'value="{chosen}" checked' in visitor.get("/id/morning-email").text
    assert wishes.wishes(foundation, [other.account_id]) == {}


@pytest.mark.parametrize("wrong", ["", "xx", "de"])
def test_another_choice_is_refused(visit, hire, foundation, wrong):
    worker = hire("case_worker")
    assert visit().sign_in(worker).send("/en/morning-email", wish=wrong).status_code == 422
    assert wishes.wishes(foundation, [worker.account_id]) == {}


@pytest.mark.parametrize("role", ["intake_clerk", "analyst", "administrator"])
def test_who_gets_none_has_no_page_for_it(visit, hire, role):
    visitor = visit().sign_in(hire(role))
    assert visitor.get("/id/morning-email").status_code == 403
    assert "morning-email" not in visitor.get("/id/").text
