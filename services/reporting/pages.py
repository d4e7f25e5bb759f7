"""The dashboard: key figures, then reports and open cases by kecamatan and month, as a chart and as the same numbers
in a table. It counts nothing itself: see tabulation.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from babel.dates import format_date
from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_percent, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from services.reporting import api, charts, schemas
from services.reporting.model import months
from services.reporting.model.indicators import Indicator, indicators
from services.reporting.model.suppression import WITHHELD
from services.reporting.model.tables import Cell, Table
from services.reporting.tabulation import Result, Tabulation, default_period, indicator, place_name
from shared import domain
from shared.access import current_actor, requires
from shared.web import Problem, current_foundation, language_of_request
from shared.web.formats import format_number
from shared.web.forms import Form, TextField
from shared.web.routes import PSEUDO_LANGUAGE
from shared.web.validation_messages import translate

blueprint = Blueprint("dashboard", __name__, url_prefix="/dashboard")

#: What the dashboard shows: in one figure each, and by kecamatan and month.
KEY_FIGURES = ("reports_received", "cases_open", "cases_screened_on_time", "screenings_overdue")
TABLES = ("reports_received", "cases_open")


class PeriodForm(Form):
    """The months to show."""

    class Meta(Form.Meta):
        csrf = False  # it only asks

    first = TextField(_l("First month"), name="from", description=_l("Year and month, such as 2026-01."))
    last = TextField(_l("Last month"), name="to", description=_l("Year and month, such as 2026-11."))

    def question(self) -> dict[str, str]:
        """What was filled in, checked; the errors are put to the fields, then the rest is left out."""
        question = {}
        for name, field in (("first", self.first), ("last", self.last)):
            if field.data and months.is_month(field.data):
                question[name] = field.data
            elif field.data:
                field.errors = [_(schemas.NOT_A_MONTH)]
        return question


@blueprint.get("")
@requires("indicator.read")
def dashboard() -> ResponseReturnValue:
    """Key figures, charts and tables for the period that is asked for; this year if none is."""
    foundation = current_foundation()
    form = PeriodForm(request.args)
    default = default_period(foundation)
    try:
        period = api.period_of(form.question(), default)
    except Problem as problem:
        wrong = form.first if problem.errors[0]["field"] == "from" else form.last
        wrong.errors = [translate(problem.errors[0]["message"])]
        period = default
    bad = bool(form.error_summary())
    if not bad:
        form.first.data, form.last.data = period
    tabulation = Tabulation(foundation, current_actor())
    results = [tabulation.table(indicators()[name], period) for name in TABLES]
    page = render_template(
        "reporting/dashboard.html",
        city=Markup('<span translate="no">{}</span>').format(domain.city().name),
        form=form,
        period=period,
        figures=[_figure(tabulation, indicators()[name], period) for name in KEY_FIGURES],
        sections=[_section(result, period) for result in results],
        exact=results[0].table.exact,
        freshness=tabulation.freshness,
        month_name=_month_name,
    )
    return page, 422 if bad else 200


@blueprint.get("/charts/<string:identifier>.svg")
@requires("indicator.read")
def chart(identifier: str) -> ResponseReturnValue:
    """The drawing of an indicator's table, as the actor may see it."""
    wanted, foundation = indicator(identifier), current_foundation()
    errors = schemas.Question(only=("first", "last")).validate(request.args)
    if errors:
        raise Problem(422, "invalid", errors=errors)
    question = {name: request.args[key] for name, key in (("first", "from"), ("last", "to")) if key in request.args}
    period = api.period_of(question, default_period(foundation))
    table = Tabulation(foundation, current_actor()).table(wanted, period).table
    description = charts.describe(table, place_name, _month_name)
    return Response(charts.svg(description), mimetype="image/svg+xml")


def named(names: Mapping[str, str]) -> str:
    """The name in the language of the page, English in the pseudo-language."""
    return names.get(language_of_request()) or names["en"]


def marked(text: str) -> str:
    """A name that stands alone, marked in the pseudo-language as what comes from a catalogue is."""
    return f"⟦{text}⟧" if language_of_request() == PSEUDO_LANGUAGE else text


def _figure(tabulation: Tabulation, wanted: Indicator, period: tuple[str, str]) -> dict[str, Any]:
    cell = tabulation.figure(wanted, period)
    parts = ""
    if cell.denominator:
        parts = _(
            "%(numerator)s of %(denominator)s",
            numerator=format_number(cell.numerator or 0),
            denominator=format_number(cell.denominator),
        )
    return {
        "name": marked(named(wanted.names)),
        "value": _shown(cell, wanted),
        "parts": parts,
        "when": _("now") if wanted.time == "now" else _("in the period"),
    }


def _section(result: Result, period: tuple[str, str]) -> dict[str, Any]:
    table = result.table
    wanted = table.indicator
    asked: dict[str, Any] = {"from": period[0], "to": period[1]}
    return {
        "id": wanted.id,
        "name": named(wanted.names),
        "heading": marked(named(wanted.names)),
        "description": marked(named(wanted.description)),
        "picture": url_for("dashboard.chart", identifier=wanted.id, **asked),
        "json": url_for("indicators-api.IndicatorTable", identifier=wanted.id, **asked),
        "alternative": _alternative(table),
        "months": [(month, _month_name(month)) for month in table.months],
        "rows": [
            (place_name(row.kecamatan), [_shown(cell, wanted) for cell in (*row.cells, row.total)])
            for row in table.rows
        ],
        "totals": [_shown(cell, wanted) for cell in (*table.totals, table.total)],
    }


def _alternative(table: Table) -> str:
    """What the chart shows, in words; the numbers themselves are in the table under it."""
    text = _(
        "Bar chart: %(name)s by kecamatan and month, %(first)s to %(last)s.",
        name=named(table.indicator.names),
        first=_month_name(table.months[0]),
        last=_month_name(table.months[-1]),
    )
    found = charts.highest(table)
    if found is None:
        return f"{text} {_('No number is shown.')}"
    row, month, cell = found
    highest = _(
        "The highest number shown is %(number)s, in %(place)s in %(month)s.",
        number=_shown(cell, table.indicator),
        place=place_name(row.kecamatan),
        month=_month_name(month),
    )
    return f"{text} {highest}"


def _shown(cell: Cell, wanted: Indicator) -> str:
    """A figure as people read it: a number, a percentage, the sign of a hidden number, or a dash for none."""
    if cell.mark:
        if cell.mark == WITHHELD:
            return Markup('<span role="img" aria-label="{}">{}</span>').format(_("withheld"), charts.SIGNS[WITHHELD])
        return charts.SIGNS[cell.mark]
    if cell.value is None:
        return "–"
    if wanted.unit == "percent":
        return str(format_percent(cell.value / 100, "#,##0.#%"))
    return format_number(int(cell.value))


def _month_name(month: str) -> str:
    """ "2026-11" as "Nov 2026" in the language of the page."""
    year, number = month.split("-")
    return format_date(date(int(year), int(number), 1), "MMM y", locale=get_locale() or "id")
