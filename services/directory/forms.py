"""The forms of directory's pages: labels, hints and choices. What a field may hold is checked by schemas.py, once for
pages and JSON alike.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import request
from flask_babel import gettext, lazy_gettext
from marshmallow import Schema, ValidationError
from wtforms import HiddenField
from wtforms.validators import InputRequired, Optional

from services.directory.texts import OWNERSHIPS, ROLES, errors
from shared.web.forms import (
    CheckboxesField,
    EmailField,
    Form,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    TextField,
    TextInput,
    VersionField,
)
from shared.web.labels import labels
from shared.web.validation_messages import translate

#: The customary name of the mark, which the extractor of texts knows.
_l = lazy_gettext


class CodeInput(TextInput):
    """A code that is typed from somewhere else: telephones offer to fill it in, and correct nothing."""

    def map_gov_params(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        params = super().map_gov_params(field, **kwargs)
        params.setdefault("autocomplete", "one-time-code")
        params.setdefault("classes", "govuk-input--width-20")
        params.setdefault("spellcheck", False)
        return params


class CodeField(TextField):
    """A code of six digits, or one for recovery."""

    widget = CodeInput()


YES_NO = {"yes": True, "no": False}


def whole_city() -> list[tuple[str, str]]:
    """The kecamatan as choices, after the whole city."""
    return [("", gettext("The whole city")), *labels("kecamatan")]


class EntryForm(Form):
    """A form that makes or changes an entry.

    `request_key` makes a form that was sent twice count once; `version` is the version that the page was made from.
    """

    request_key = HiddenField(default=lambda: uuid.uuid4().hex)
    version = VersionField(default="0")

    #: Fields that are empty when nothing was typed, and then None.
    optional: tuple[str, ...] = ()
    #: Where the reason of a refusal goes when its own field is not on the page.
    elsewhere: Mapping[str, str] = {}

    def expected_version(self) -> int:
        """The version that the page was made from; 0 for what is no number."""
        return self.version.number

    def facts(self, schema: Schema) -> dict[str, Any] | None:
        """What was typed, checked by `schema`; None when something is wrong, which the fields then say."""
        if not self.validate_on_submit():
            return None
        typed = {field.name: field.data for field in self if field.name in schema.fields}
        for name in self.optional:
            typed[name] = typed.get(name) or None
        if "active" in typed:
            typed["active"] = YES_NO.get(typed["active"], typed["active"])
        try:
            return dict(schema.load(typed))
        except ValidationError as error:
            for name, messages in error.normalized_messages().items():
                self.object_to(name, [translate(_first(messages))])
            return None

    def refuse(self, reasons: Mapping[str, str]) -> None:
        """Show the reasons (codes) of a refused command at their fields."""
        for name, messages in errors(reasons).items():
            self.object_to(name, messages)

    def object_to(self, name: str, messages: list[str]) -> None:
        """Put messages at a field, or where this form shows those of a field that it does not have."""
        field = self[name] if name in self else self[self.elsewhere[name]]
        field.errors = messages


def _first(messages: Any) -> str:
    """The first message of marshmallow's errors of one field, which for a list lie one level deeper."""
    while not isinstance(messages, str):
        messages = next(iter(messages.values() if isinstance(messages, Mapping) else messages))
    return messages


def _yes_no() -> list[tuple[str, str]]:
    return [("yes", gettext("Yes")), ("no", gettext("No"))]


class SignInForm(Form):
    """E-mail address and password."""

    email = EmailField(_l("E-mail address"), validators=[InputRequired(_l("Enter your e-mail address."))])
    password = PasswordField(_l("Password"), validators=[InputRequired(_l("Enter your password."))])


class CodeForm(Form):
    """A code of the second factor."""

    code = CodeField(_l("Code"), validators=[InputRequired(_l("Enter the code."))])


class NewPasswordForm(EntryForm):
    """A password that its owner sets by a link."""

    code = TextField(
        _l("Code from your link"),
        description=_l("It is filled in when you open the link. Otherwise copy what follows # in the link."),
        validators=[InputRequired(_l("Open the link that you were given once more."))],
    )
    password = PasswordField(
        _l("New password"),
        description=_l("At least 12 characters. A few words that you remember easily are good."),
        validators=[InputRequired(_l("Enter a password."))],
    )


class AgencyForm(EntryForm):
    """An agency."""

    optional = ("kecamatan", "phone", "email")

    name = TextField(_l("Name"), validators=[InputRequired(_l("Enter the name of the agency."))])
    kind = SelectField(_l("Kind of agency"), validators=[InputRequired(_l("Choose the kind of agency."))])
    services = CheckboxesField(
        _l("Services it gives"),
        description=_l("Choose none if it gives everything that an agency of its kind may give."),
    )
    areas = CheckboxesField(_l("Areas it serves"), description=_l("Choose none for the whole city."))
    capacity = IntegerField(
        _l("How many referrals does it take at a time? (optional)"),
        description=_l("When so many are open, no more are passed on to it. 0: none just now. Empty: no limit."),
        validators=[Optional()],
    )
    kecamatan = SelectField(_l("Kecamatan of its office (optional)"))
    phone = TextField(_l("Telephone of the office (optional)"))
    email = EmailField(_l("E-mail address of the office (optional)"))

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.kind.choices = [("", gettext("Choose")), *labels("agency_kind")]
        self.services.choices = list(labels("service_kind"))
        self.areas.choices = list(labels("kecamatan"))
        self.kecamatan.choices = [("", gettext("Not given")), *labels("kecamatan")]


class ChangedAgencyForm(AgencyForm):
    """An agency that is there already."""

    active = RadioField(
        _l("Is this agency still part of the network?"), description=_l("A closed agency gets no new referrals.")
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.active.choices = _yes_no()


class CompanyForm(EntryForm):
    """A company of APSAI."""

    optional = ("kecamatan",)

    name = TextField(_l("Name"), validators=[InputRequired(_l("Enter the name of the company."))])
    ownership = RadioField(_l("Who owns it?"), validators=[InputRequired(_l("Say who owns the company."))])
    partnership = CheckboxesField(
        _l("Forms of partnership"), description=_l("How the company helps beyond donations. Choose all that apply.")
    )
    kecamatan = SelectField(_l("Where it works"))

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.ownership.choices = [(code, gettext(name)) for code, name in OWNERSHIPS.items()]
        self.partnership.choices = list(labels("partnership"))
        self.kecamatan.choices = whole_city()


class ChangedCompanyForm(CompanyForm):
    """A company that is there already."""

    active = RadioField(_l("Is this company still a partner?"))

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.active.choices = _yes_no()


class PersonForm(EntryForm):
    """A member of staff."""

    optional = ("agency_id",)

    name = TextField(_l("Name"), validators=[InputRequired(_l("Enter the person's name."))])
    email = EmailField(
        _l("E-mail address"),
        description=_l("For work. The person signs in with it."),
        validators=[InputRequired(_l("Enter the person's e-mail address."))],
    )
    agency_id = SelectField(_l("Agency"))

    def __init__(self, agencies: Mapping[str, str], **values: Any) -> None:
        super().__init__(**values)
        self.agency_id.choices = [("", gettext("No agency")), *agencies.items()]


class AccountForm(EntryForm):
    """A new account for a member of staff."""

    optional = ("password",)

    elsewhere = {"agency_id": "role", "person_id": "role"}

    role = RadioField(_l("Role"), validators=[InputRequired(_l("Choose a role."))])
    areas = CheckboxesField(
        _l("Where does this person work?"),
        description=_l(
            "Intake clerks and case workers open identities in these kecamatan only. Choose none for the whole city."
        ),
    )
    password = PasswordField(
        _l("First password (optional)"),
        description=_l("Better leave it empty: the person sets their own by the link that you give them next."),
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.role.choices = [(code, gettext(name)) for code, name in ROLES.items()]
        self.areas.choices = list(labels("kecamatan"))


class ChangedAccountForm(EntryForm):
    """An account that is there already."""

    elsewhere = {"agency_id": "role", "person_id": "role"}

    role = RadioField(_l("Role"), validators=[InputRequired(_l("Choose a role."))])
    areas = CheckboxesField(
        _l("Where does this person work?"),
        description=_l(
            "Intake clerks and case workers open identities in these kecamatan only. Choose none for the whole city."
        ),
    )
    active = RadioField(_l("May this person sign in?"), description=_l("Closing an account ends its sessions at once."))
    password = PasswordField(
        _l("New password (optional)"), description=_l("At least 12 characters. It ends the person's other sessions.")
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.role.choices = [(code, gettext(name)) for code, name in ROLES.items()]
        self.areas.choices = list(labels("kecamatan"))
        self.active.choices = _yes_no()


class MorningEmailForm(EntryForm):
    """What a person chooses of the e-mail of the morning."""

    wish = RadioField(
        _l("Which e-mail would you like in the morning?"),
        description=_l(
            "It comes on working days when the offices open, if something waits for you. It has numbers and links, and "
            "never a name or a case."
        ),
        validators=[InputRequired(_l("Choose a language, or no e-mail."))],
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.wish.choices = [
            ("id", gettext("In Indonesian")),
            ("en", gettext("In English")),
            ("none", gettext("No e-mail")),
        ]


def filled(form: type[EntryForm], entry: Mapping[str, Any] | None, *arguments: Any) -> EntryForm:
    """A form with what was typed, or else with what is stored of `entry`."""
    if request.method == "POST" or entry is None:
        return form(*arguments)
    stored = {field: value for field, value in entry.items() if field not in ("_id", "password")}
    if "active" in stored:
        stored["active"] = "yes" if stored["active"] else "no"
    return form(*arguments, data={**stored, "version": str(entry["version"])})
