"""Forms on govuk-frontend: fields whose labels, hints and errors are in the language of the page.

    class ReportForm(Form):
        channel = RadioField(_l("How did the report come in?"), choices=[...], validators=[InputRequired()])

In a template: `{% call ui.form(form) %}{{ form.channel }}{{ ui.submit(_("Continue")) }}{% endcall %}`. The order of the
fields in the class is the order of the errors in the summary, so it must be the order of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import wtforms
from flask_babel import get_domain
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from govuk_frontend_wtf import wtforms_widgets as govuk
from wtforms import FieldList, FormField, validators
from wtforms.fields.choices import SelectChoice

from shared.web.language import N_


class _Translations:
    """What WTForms asks for its own messages."""

    def gettext(self, text: str) -> str:
        return _(text)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        # WTForms fills in the placeholders itself: hand it the pattern, not the finished text.
        return get_domain().get_translations().ungettext(singular, plural, number)


class _Meta:
    def get_translations(self, form: Any) -> _Translations:
        return _Translations()


class Form(FlaskForm):
    """The base of every form: CSRF token, messages in the language of the page."""

    class Meta(_Meta, FlaskForm.Meta):
        pass

    def error_summary(self) -> list[dict[str, str]]:
        """The errors in the order of the form: `text` and `href`, the link to the input."""
        return list(_errors(self))


class Subform(wtforms.Form):
    """The base of a form inside a form (`FormField`, `FieldList`): it needs no CSRF token of its own."""

    class Meta(_Meta, wtforms.Form.Meta):
        pass


def _errors(form: Any) -> Iterator[dict[str, str]]:
    for field in form:
        if isinstance(field, FormField):
            yield from _errors(field.form)
            continue
        if isinstance(field, FieldList):
            nested = [entry for entry in field if isinstance(entry, FormField)]
            if nested:
                for entry in nested:
                    yield from _errors(entry.form)
                continue
        if field.errors:
            anchor = f"{field.id}-day" if isinstance(field, DateField) else field.id
            text = str(field.errors[0])
            if text == _("This field is required."):
                # The same words for every field would not say which one is meant.
                text = f"{field.label.text}: {text}"
            yield {"text": text, "href": f"#{anchor}"}


class _Words:
    """Puts govuk-frontend's own English words into the language of the page. Comes before a widget of theirs."""

    def map_gov_params(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        # Lazy texts become plain ones here, so that templates escape what was put into them.
        field.label.text = str(field.label.text)
        if field.description:
            field.description = str(field.description)
        # The browser's own messages are in the browser's language, not the page's.
        kwargs.pop("required", None)
        params: dict[str, Any] = super().map_gov_params(field, **kwargs)  # type: ignore[misc]
        if not field.description:
            params.pop("hint", None)
        for item in params.get("items", ()):
            if "text" in item:
                item["text"] = str(item["text"])
        if params.get("errorMessage"):
            params["errorMessage"] = {"text": str(field.errors[0]), "visuallyHiddenText": _("Error")}
        return params


class TextInput(_Words, govuk.GovTextInput):
    """One line of text."""


class NumberInput(_Words, govuk.GovTextInput):
    """A whole number: a text input with the number keys on a telephone."""

    def map_gov_params(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        params = super().map_gov_params(field, **kwargs)
        params.setdefault("inputmode", "numeric")
        params.setdefault("classes", "govuk-input--width-5")
        params.setdefault("spellcheck", False)
        return params


class EmailInput(_Words, govuk.GovTextInput):
    """An e-mail address."""

    input_type = "email"

    def map_gov_params(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        params = super().map_gov_params(field, **kwargs)
        params.setdefault("autocomplete", "email")
        params.setdefault("spellcheck", False)
        return params


class PasswordInput(_Words, govuk.GovPasswordInput):
    """A password, with a button that shows it."""

    def map_gov_params(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        params = super().map_gov_params(field, **kwargs)
        params.setdefault("showPasswordText", _("Show"))
        params.setdefault("hidePasswordText", _("Hide"))
        params.setdefault("showPasswordAriaLabelText", _("Show password"))
        params.setdefault("hidePasswordAriaLabelText", _("Hide password"))
        params.setdefault("passwordShownAnnouncementText", _("Your password is visible"))
        params.setdefault("passwordHiddenAnnouncementText", _("Your password is hidden"))
        return params


class TextArea(_Words, govuk.GovTextArea):
    """Several lines of text."""


class CharacterCount(_Words, govuk.GovCharacterCount):
    """Several lines of text with a count of what is left; the limit comes from the field's Length validator."""

    def map_gov_params(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        longest = max((rule.max for rule in field.validators if isinstance(rule, validators.Length)), default=None)
        kwargs.pop("maxlength", None)
        kwargs.pop("minlength", None)
        params = super().map_gov_params(field, **kwargs)
        params.setdefault("maxlength", longest)
        params.setdefault("textareaDescriptionText", _("You can enter up to %{count} characters"))
        under = {
            "other": _("You have %{count} characters remaining"),
            "one": _("You have %{count} character remaining"),
        }
        over = {"other": _("You have %{count} characters too many"), "one": _("You have %{count} character too many")}
        params.setdefault("charactersUnderLimitText", under)
        params.setdefault("charactersAtLimitText", _("You have 0 characters remaining"))
        params.setdefault("charactersOverLimitText", over)
        return params


class Select(_Words, govuk.GovSelect):
    """One of many, from a list that drops down."""


class Radios(_Words, govuk.GovRadioInput):
    """One of a few."""


class Checkboxes(_Words, govuk.GovCheckboxesInput):
    """Any of a few."""


class Checkbox(_Words, govuk.GovCheckboxInput):
    """One thing to agree to."""


class FileInput(_Words, govuk.GovFileInput):
    """A file to send."""


class DateInput(_Words, govuk.GovDateInput):
    """Day, month and year as three inputs."""

    def map_gov_params(self, field: Any, **kwargs: Any) -> dict[str, Any]:
        params = super().map_gov_params(field, **kwargs)
        for item, label, part in zip(
            params["items"], (_("Day"), _("Month"), _("Year")), ("day", "month", "year"), strict=True
        ):
            item["label"] = label
            item["id"] = f"{field.id}-{part}"
        return params


class TextField(wtforms.StringField):
    """Text on one line, without spaces around it."""

    widget = TextInput()
    data: Any

    def process_formdata(self, valuelist: list[Any]) -> None:
        super().process_formdata(valuelist)
        if isinstance(self.data, str):
            self.data = self.data.strip()


class EmailField(TextField):
    """An e-mail address."""

    widget = EmailInput()


class IntegerField(wtforms.IntegerField):
    """A whole number."""

    widget = NumberInput()


class PasswordField(wtforms.PasswordField):
    """A password; never filled in again by us."""

    widget = PasswordInput()


class TextAreaField(wtforms.TextAreaField):
    """Several lines of text."""

    widget = TextArea()


class LongTextField(wtforms.TextAreaField):
    """Several lines of text with a count; needs a `Length(max=...)` validator."""

    widget = CharacterCount()


class _Choices:
    """Takes choices as (code, label) pairs, the form that code lists have everywhere."""

    def __init__(self, *arguments: Any, choices: Any = None, **more: Any) -> None:
        super().__init__(*arguments, choices=_as_choices(choices), **more)  # type: ignore[call-arg]


def _as_choices(choices: Any) -> Any:
    if callable(choices):
        return lambda: _as_choices(choices())
    if choices is None:
        return None
    return [each if isinstance(each, SelectChoice) else SelectChoice(*each) for each in choices]


class SelectField(_Choices, wtforms.SelectField):
    """One of many."""

    widget = Select()


class RadioField(_Choices, wtforms.RadioField):
    """One of a few. Nothing chosen is None: say `InputRequired` where an answer is needed."""

    widget = Radios()

    def pre_validate(self, form: Any) -> None:
        if self.raw_data:
            super().pre_validate(form)


class CheckboxesField(_Choices, wtforms.SelectMultipleField):
    """Any of a few; its data is a list of codes."""

    widget = Checkboxes()
    option_widget = wtforms.widgets.CheckboxInput()


class CheckboxField(wtforms.BooleanField):
    """One thing to agree to; its data is True or False."""

    widget = Checkbox()


class FileField(wtforms.FileField):
    """A file to send."""

    widget = FileInput()


class DateField(wtforms.DateField):
    """A day, typed as day, month and year (in that order, all three under the field's own name)."""

    widget = DateInput()
    invalid = N_("Enter a real date with day, month and year, such as 27 3 2026.")

    def process_formdata(self, valuelist: list[str]) -> None:
        """Takes three values; whatever else a sender made up becomes an error, not a failure."""
        parts = [str(part).strip() for part in valuelist][:3]
        self.raw_data = parts + [""] * (3 - len(parts))
        self.data = None
        if not any(self.raw_data):
            return
        try:
            day, month, year = (int(part) for part in self.raw_data if part.isascii() and part.isdigit())
            self.data = date(year, month, day)
        except (ValueError, OverflowError):
            raise ValueError(_(self.invalid)) from None

    def begin_with(self, day: date) -> None:
        """Shows a day where nothing was typed yet."""
        self.data, self.raw_data = day, [str(day.day), str(day.month), str(day.year)]

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        """Keeps `Optional` from taking a date without its day for no date at all."""
        if self.raw_data and any(self.raw_data) and self.data is None and not self.errors:
            raise validators.ValidationError(_(self.invalid))


def version_of(text: str | None) -> int:
    """The version that was sent with a page; 0, which nothing has, for whatever is none."""
    text = text or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


class VersionField(wtforms.HiddenField):
    """The version of the thing that a page shows, to be changed as that."""

    @property
    def number(self) -> int:
        """As `version_of`."""
        return version_of(self.data)


def no_day_after_today(today: Callable[[], date]) -> Any:
    """A validator: the day may not lie in the future. `today` gives the day in WIB, asked at each use."""

    def check(form: Any, field: DateField) -> None:
        if field.data is not None and field.data > today():
            raise validators.ValidationError(_("The date may not be in the future."))

    return check
