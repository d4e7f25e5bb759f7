"""A small service with one of everything, for the tests of the web layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_smorest
import marshmallow as ma
import pytest
from flask import Blueprint, Flask, render_template_string
from flask.views import MethodView
from flask_babel import lazy_gettext as _l
from pymongo.errors import ServerSelectionTimeoutError
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from shared.access import Actor, public, requires
from shared.journal import KeyReused, Unavailable, VersionConflict
from shared.web import Problem, create_app, finish
from shared.web.forms import DateField, Form, IntegerField, RadioField, TextField
from tests.support.web import Browser, foundation

CLERK = Actor("account-1", "intake_clerk", "agency-1", "session-1", "Sari Contoh")
FORM = """{% extends "web/layout.html" %}{% import "web/components.html" as ui %}
{% block title %}Form{% endblock %}
{% block content %}{{ ui.error_summary(form) }}{% call ui.form(form) %}
{{ form.name }}{{ form.sex }}{{ form.hours }}{{ form.seen_on }}{{ ui.submit("ok") }}{% endcall %}{% endblock %}"""
WRONG = {
    "conflict": VersionConflict("case-1", 3, 4),
    "reused": KeyReused(),
    "unavailable": Unavailable(),
    "unreachable": ServerSelectionTimeoutError("db.secret-host.example:27017 refused: Budi Contoh"),
    "bug": ValueError("a value a person typed: Budi Contoh"),
    "problem": Problem(409, "already_closed", {"children.0.sex": ["Unknown field."]}),
}


class ChildSchema(ma.Schema):
    name = ma.fields.String(validate=ma.validate.Length(max=10))
    sex = ma.fields.String(required=True, validate=ma.validate.OneOf(["female", "male"]))


class ReportSchema(ma.Schema):
    hours = ma.fields.Integer(strict=True, validate=ma.validate.Range(min=0, max=24))
    children = ma.fields.List(ma.fields.Nested(ChildSchema), required=True)


class PageSchema(ma.Schema):
    page = ma.fields.Integer(load_default=1)


class PlainForm(Form):
    name = TextField(_l("Name"), validators=[InputRequired(), Length(max=5)])
    sex = RadioField(_l("Type"), choices=[("f", "F"), ("m", "M")], validators=[InputRequired()])
    hours = IntegerField(_l("Field"), validators=[Optional(), NumberRange(min=0, max=24)])
    seen_on = DateField(_l("Status"), validators=[Optional()])


def build(directory: Path, **changes: Any) -> Flask:
    api = flask_smorest.Blueprint("reports", "reports", url_prefix="/reports", description="Reports")

    @api.route("/")
    class Reports(MethodView):
        @requires("report.read")
        @api.arguments(PageSchema, location="query")
        @api.response(200)
        def get(self, query: dict) -> dict:
            """List the reports"""
            return query

        @requires("report.register")
        @api.arguments(ReportSchema)
        @api.response(201, ReportSchema)
        def post(self, body: dict) -> dict:
            """Register a report"""
            return body

    @api.route("/wrong/<kind>", methods=["GET", "PUT"])
    @requires("report.read")
    def wrong(kind: str) -> dict:
        raise WRONG[kind]

    @api.route("/open", methods=["POST"])
    @public
    def open_to_all() -> dict:
        """Anybody may ask"""
        return {}

    pages = Blueprint("pages", __name__, url_prefix="/reports")

    @pages.route("/form", methods=["GET", "POST"])
    @requires("report.register")
    def form() -> Any:
        entry = PlainForm()
        if entry.validate_on_submit():
            return {"name": entry.name.data, "seen_on": str(entry.seen_on.data)}
        return render_template_string(FORM, form=entry)

    @pages.get("/wrong/<kind>")
    @requires("report.read")
    def wrong_page(kind: str) -> Any:
        raise WRONG[kind]

    @pages.post("/sign-out")
    @requires("session.delete")
    def sign_out_below() -> str:
        return "signed out"

    sign_out = Blueprint("sign_out", __name__)

    @sign_out.post("/sign-out")
    @requires("session.delete")
    def out() -> str:
        return "signed out"

    app = create_app(foundation(directory, **changes), __name__, blueprints=[api], pages=[pages, sign_out])
    return finish(app)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def app(keys: Path) -> Flask:
    return build(keys)


@pytest.fixture
def clerk(app: Flask, keys: Path) -> Browser:
    """An intake clerk at a browser."""
    return Browser(app, CLERK)


@pytest.fixture
def stranger(app: Flask, keys: Path) -> Browser:
    """Somebody who has not signed in."""
    return Browser(app)
