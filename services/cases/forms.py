"""The form of a screening."""

from __future__ import annotations

from collections.abc import Iterator

import wtforms
from flask_babel import lazy_gettext as _l
from wtforms.validators import InputRequired

from shared import domain
from shared.web import language_of_request
from shared.web.forms import DateField, Form, RadioField


def page_language() -> str:
    """The language for labels of codes: `id` or `en`."""
    return "id" if language_of_request() == "id" else "en"


def _risks() -> Iterator[tuple[str, str]]:
    for code in domain.codes("risk"):
        yield code, domain.label("risk", code, page_language())


class ScreeningForm(Form):
    """The judgement of the risk, for the version of the case that the page shows."""

    version = wtforms.HiddenField()
    risk = RadioField(_l("How high is the risk for the child?"), choices=_risks, validators=[InputRequired()])
    screened_on = DateField(_l("When was the case screened?"), validators=[InputRequired()])
