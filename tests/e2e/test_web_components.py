"""Every component of the layout on pages of their own, in a real browser, checked as every page of ours is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, flash, render_template_string, request
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from werkzeug.serving import make_server
from wtforms.validators import InputRequired, Length

from shared.access import Actor, requires
from shared.access.tokens import HEADER, issue, load_private_key
from shared.web import Page, Problem, create_app, finish, page_number
from shared.web import forms as fields
from tests.support.browser import (
    Browser,
    check_error_state,
    check_keyboard,
    check_page,
    unmarked_texts,
)
from tests.support.web import foundation

pytestmark = pytest.mark.browser

SUPERVISOR = Actor("account-1", "supervisor", "agency-1", "session-1", "Sari Contoh")
CHART = Markup(
    '<svg viewBox="0 0 400 120" width="400" height="120"><rect x="10" y="30" width="60" height="90" fill="#12545b"/>'
    '<rect x="90" y="60" width="60" height="60" fill="#12545b"/></svg>'
)
GALLERY = """{% extends "web/layout.html" %}{% import "web/components.html" as ui %}
{% block title %}{{ _("Reports") }}{% endblock %}
{% block before_content %}{{ ui.back_link("/") }}{% endblock %}
{% block content %}
{{ ui.heading(_("Reports"), _("Demonstration data")) }}
{{ ui.cards([{"title": _("Cases"), "text": _("There is nothing here yet."), "href": page_url("/cases")},
             {"title": _("Dashboard"), "text": _("There is nothing here yet."), "href": page_url("/dashboard")}]) }}
{{ ui.warning(_("You may not do this")) }}
{{ ui.summary_list([
  {"key": _("Name"), "value": "R-7KQ2-M"|data, "action": {"href": "#", "text": _("Show"), "description": _("Name")}},
  {"key": _("Status"), "value": ui.status_tag(_("Done"), "good")},
]) }}
<p>{% for tone in ["neutral", "information", "good", "warning", "danger"] %}{{ ui.status_tag(_("Done"), tone) }}
{% endfor %}</p>
{{ ui.paged_table(_("Cases"), [_("Name"), _("Place"), _("Type"), _("Status"), {"text": _("Year"), "numeric": true}],
                  rows, page) }}
{{ ui.table(_("Companies"), [_("Name")], []) }}
{{ ui.figure(_("Dashboard"), chart, _("Dashboard"), [_("Month"), {"text": _("Reports"), "numeric": true}],
             [["Jan"|data, 90], ["Feb"|data, 60]]) }}
{{ ui.timeline([{"at": at, "title": _("Done"), "who": "Sari"|data, "text": _("Please note")},
                {"at": at, "title": _("Menu")}]) }}
{% call ui.details(_("Meaning")) %}{{ _("Please note") }}{% endcall %}
{{ ui.action_button(_("Back"), page_url("/form"), kind="warning") }}
{{ ui.link_button(_("Next page"), page_url("/form")) }}
{% endblock %}"""
FORM = """{% extends "web/layout.html" %}{% import "web/components.html" as ui %}
{% block title %}{{ _("Name") }}{% endblock %}
{% block content %}{{ ui.error_summary(form) }}{{ ui.heading(_("Name")) }}
{% call ui.form(form) %}{% for field in form if field.name != "csrf_token" %}{{ field }}{% endfor %}
{{ ui.submit(_("Done")) }}{% endcall %}{% endblock %}"""
DONE = """{% extends "web/layout.html" %}{% import "web/components.html" as ui %}
{% block title %}{{ _("Done") }}{% endblock %}
{% block content %}{{ ui.confirmation(_("Done"), _("Name"), "R-7KQ2-M") }}{% endblock %}"""


class EveryField(fields.Form):
    """One field of each kind, all of which want an answer."""

    name = fields.TextField(_l("Name"), description=_l("Meaning"), validators=[InputRequired()])
    email = fields.EmailField(_l("Accounts"), validators=[InputRequired()])
    hours = fields.IntegerField(_l("Type"), validators=[InputRequired()])
    seen_on = fields.DateField(_l("Required"), description=_l("Meaning"), validators=[InputRequired()])
    sex = fields.RadioField(_l("Status"), choices=[("f", _l("yes")), ("m", _l("no"))], validators=[InputRequired()])
    hazards = fields.CheckboxesField(
        _l("Warning"), choices=[("a", _l("yes")), ("b", _l("no"))], validators=[InputRequired()]
    )
    place = fields.SelectField(
        _l("Place"), choices=[("", _l("Not found")), ("a", _l("yes"))], validators=[InputRequired()]
    )
    agreed = fields.CheckboxField(_l("Please note"), validators=[InputRequired()])
    secret = fields.PasswordField(_l("Show password"), validators=[InputRequired()])
    notes = fields.TextAreaField(_l("Notifications"), validators=[InputRequired()])
    story = fields.LongTextField(_l("Meaning"), validators=[InputRequired(), Length(max=200)])


def data(text: str) -> Markup:
    """A text that is data, which nobody translates."""
    return Markup('<span translate="no">{}</span>').format(text)


def gallery(directory: Path) -> Flask:
    pages = Blueprint("gallery", __name__)

    @pages.get("/reports")
    @requires("report.read")
    def show() -> str:
        if "told" in request.args:
            flash("⟦R-7KQ2-M⟧", "success")
        cells = [Markup('<a class="govuk-link" href="#" translate="no">K-8VX3</a>')]
        cells += [
            Markup('<span translate="no">{}</span>').format(text) for text in ("Pekalongan Utara", "Batik", "Baru")
        ]
        rows = [[*cells, 2026] for _row in range(3)]
        return render_template_string(
            GALLERY,
            rows=rows,
            page=Page(rows, page_number(), 60),
            chart=CHART,
            at=datetime(2026, 11, 3, 2, 10, tzinfo=UTC),
        )

    @pages.route("/form", methods=["GET", "POST"])
    @requires("report.register")
    def form() -> Any:
        entry = EveryField()
        if entry.validate_on_submit():
            return render_template_string(DONE)
        return render_template_string(FORM, form=entry)

    @pages.get("/wrong")
    @requires("report.read")
    def wrong() -> Any:
        raise Problem(409, "version_conflict")

    app = create_app(foundation(directory), __name__, pages=[pages])
    app.jinja_env.filters["data"] = data
    return finish(app)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gallery on a port of its own, behind a front door that always knows who it is."""
    directory = tmp_path_factory.mktemp("gallery")
    app = gallery(directory)
    key = load_private_key(directory / "token-private.pem")
    inner = app.wsgi_app

    def front_door(environ: dict, start_response: Any) -> Any:
        environ[f"HTTP_{HEADER.upper().replace('-', '_')}"] = issue(key, SUPERVISOR)
        environ["HTTP_X_RUJUKAN_AUTH"] = "cookie"
        return inner(environ, start_response)

    app.wsgi_app = front_door  # type: ignore[method-assign]
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("path", ["reports?told", "form", "wrong", "nowhere", "intake/api-docs"])
def test_every_page_is_for_everybody(address: str, path: str, language: str) -> None:
    with Browser() as browser:
        page = browser.open(f"{address}/{language}/{path}")
        check_page(page, language)


@pytest.mark.parametrize("path", ["reports", "form"])
def test_the_keyboard_is_enough(address: str, path: str) -> None:
    with Browser() as browser:
        check_keyboard(browser.open(f"{address}/id/{path}"))


def test_an_empty_form_leads_to_its_errors(address: str) -> None:
    with Browser() as browser:
        page = browser.open(f"{address}/id/form")
        check_error_state(page)
        text = page.inner_text("body")
        assert "Isian ini wajib diisi." in text
        assert "This field is required." not in text


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_form_is_sent(address: str, javascript: bool) -> None:
    with Browser(javascript=javascript) as browser:
        page = browser.open(f"{address}/id/form")
        page.fill("#name", "Budi Contoh")
        page.fill("#email", "budi@contoh.test")
        page.fill("#hours", "3")
        for part, value in (("day", "3"), ("month", "11"), ("year", "2025")):
            page.fill(f"#seen_on-{part}", value)
        page.check("#sex")
        page.check("#hazards")
        page.select_option("#place", "a")
        page.check("#agreed")
        page.fill("#secret", "rahasia contoh")
        page.fill("#notes", "catatan")
        page.fill("#story", "cerita")
        page.locator("main button[type=submit]").click()
        page.wait_for_selector(".govuk-panel--confirmation")
        check_page(page, "id")


@pytest.mark.parametrize("path", ["reports?told", "form", "wrong", "nowhere"])
def test_every_text_is_marked_for_translation(address: str, path: str) -> None:
    with Browser() as browser:
        page = browser.open(f"{address}/xx/{path}")
        assert unmarked_texts(page) == []
        if path == "form":
            page.locator("main button[type=submit]").click()
            page.wait_for_selector(".govuk-error-summary")
            assert unmarked_texts(page) == []


def test_print_leaves_out_what_paper_cannot_do(address: str) -> None:
    with Browser() as browser:
        page = browser.open(f"{address}/id/reports")
        page.emulate_media(media="print")
        for selector in (".govuk-service-navigation", ".app-header__tools", ".govuk-button", ".govuk-back-link"):
            assert not page.locator(selector).first.is_visible(), f"{selector} is printed"
        assert page.locator("table").first.is_visible()


def test_the_checks_find_what_is_wrong(address: str) -> None:
    """The checks themselves can fail: a page with each fault, and the report names it."""
    with Browser() as browser:
        page = browser.open(f"{address}/id/reports")
        page.evaluate("""() => {
            document.documentElement.lang = 'en';
            document.querySelector('main').insertAdjacentHTML('beforeend',
              '<input aria-describedby="gone"><input type="radio" name="lonely"><button id="tiny">x</button>' +
              '<div id="wide">wide</div><img src="https://elsewhere.invalid/x.png">');
            document.getElementById('wide').style.width = '900px';
            document.getElementById('tiny').style.cssText = 'width:10px;height:10px;padding:0';
        }""")
        page.wait_for_timeout(0)
        with pytest.raises(AssertionError) as failure:
            check_page(page, "id")
        report = str(failure.value)
        for fault in (
            "axe label",
            "missing id: gone",
            "without a fieldset",
            "sideways",
            "a target of 10 x 10",
            "lang is",
        ):
            assert fault in report, f"{fault!r} was not found"
        assert "CSP:" in report
