"""The forms of requests of a child or guardian: recording one, correcting what it names, saying how it was answered."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Self

import wtforms
from flask_babel import lazy_gettext as _l
from marshmallow import ValidationError

from services.intake.forms import ChildForm, CodedRadios, child_of, coded
from services.intake.schemas import CorrectedChild
from services.intake.subject_requests import CORRECTION
from services.intake.subject_schemas import NewRequest, Outcome
from shared.web import Problem
from shared.web.forms import CheckboxesField, CheckboxField, DateField, Form, VersionField
from shared.web.language import N_
from shared.web.validation_messages import translate

EMPTY = N_("Enter what it should be, or tick below that nothing shall be kept.")


class RequestForm(Form):
    """Who asks, how it was seen who they are, and when."""

    asked_by = CodedRadios(_l("Who asks?"), "request_asker")
    identity_check = CodedRadios(_l("How was it seen who they are?"), "identity_check")
    asked_on = DateField(_l("When was it asked?"), description=_l("It must be answered within 3 x 24 hours of that."))

    def sent(self) -> dict[str, Any]:
        """The request as the API takes it."""
        day = self.asked_on.data.isoformat() if self.asked_on.data else None
        return {"asked_by": self.asked_by.data, "identity_check": self.identity_check.data, "asked_on": day}

    def checked(self, child_id: str) -> dict[str, Any] | None:
        """The request, if the form is right; None with its errors set."""
        try:
            given = {name: value for name, value in self.sent().items() if value}
            found: dict[str, Any] = NewRequest().load({"child_id": child_id, **given})
        except ValidationError as error:
            for name, messages in error.normalized_messages().items():
                if name not in self:
                    raise Problem(404, "not_found") from None
                if not self[name].errors:
                    self[name].errors = [translate(message) for message in messages]
            return None
        return None if self.asked_on.errors else found


class CorrectionRequestForm(RequestForm):
    """The same, and which fields are wrong. What they should be is asked for later, and kept in the vault alone."""

    wrong = CheckboxesField(
        _l("What is wrong?"),
        choices=coded("correctable_field"),
        description=_l("Tick all that apply."),
        validate_choice=False,
    )

    def sent(self) -> dict[str, Any]:
        return {**super().sent(), "kind": CORRECTION, "wrong": self.wrong.data}


class CorrectionForm(Form):
    """What shall stand in the place of the fields that a request names, for the version that the page shows."""

    request_version = VersionField()
    key = wtforms.HiddenField(default=lambda: str(uuid.uuid4()))
    child = wtforms.FormField(ChildForm)
    nothing = CheckboxField(_l("What I left empty shall be kept no more."))

    def only(self, wrong: Iterable[str]) -> Self:
        """The form without the fields of a child that the request does not name."""
        for name in [name for name in self.child.form._fields if name not in wrong]:
            del self.child.form[name]
        return self

    def fill(self, values: Mapping[str, Any]) -> None:
        """Puts in what is held, so that it can be compared and changed."""
        for name, value in values.items():
            if name in self.child.form:
                self.child.form[name].data = str(value)

    def checked(self) -> dict[str, Any] | None:
        """The values by field, None for one that shall be kept no more; None with the errors set."""
        values = {name: None if value == "" else value for name, value in child_of(self.child.form).items()}
        errors = {} if self.nothing.data else {name: [EMPTY] for name, value in values.items() if value is None}
        loaded: dict[str, Any] = {}
        try:
            loaded = CorrectedChild().load(values)
        except ValidationError as error:
            errors = {**errors, **error.normalized_messages()}
        for name, messages in errors.items():
            self.child.form[name].errors = [translate(str(message)) for message in messages]
        return None if errors else loaded


class OutcomeForm(Form):
    """How the request was answered, for the version that the page shows."""

    version = VersionField()
    outcome = CodedRadios(_l("How was it answered?"), "request_outcome")

    def only(self, outcomes: Iterable[str]) -> Self:
        """The form with the answers that fit the request."""
        self.outcome.choices = [choice for choice in self.outcome.choices if choice.value in outcomes]
        return self

    def checked(self) -> str | None:
        """The outcome, if the form is right; None with its errors set."""
        errors = Outcome().validate({"outcome": self.outcome.data} if self.outcome.data else {})
        self.outcome.errors = [translate(message) for message in errors.get("outcome", [])]
        return None if errors else str(self.outcome.data)
