"""The form of a screening."""

from __future__ import annotations

from functools import partial

import wtforms
from flask_babel import lazy_gettext as _l
from wtforms.validators import InputRequired

from shared.web.forms import DateField, Form, RadioField
from shared.web.labels import labels

RISKS = partial(labels, "risk")


class ScreeningForm(Form):
    """The judgement of the risk, for the version of the case that the page shows."""

    version = wtforms.HiddenField()
    risk = RadioField(_l("How high is the risk for the child?"), choices=RISKS, validators=[InputRequired()])
    screened_on = DateField(_l("When was the case screened?"), validators=[InputRequired()])
