"""The form of a report. What it accepts is decided by the schema of the API; the form carries values and messages.

The order of the fields is the order of the page. Nothing typed is lost: a form with errors, or one to which another
child is added, comes back as it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import wtforms
from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from marshmallow import ValidationError

from services.intake.schemas import HOURS, LISTS, MAXIMUM_CHILDREN, Erasure, NewReport, Redaction, Wanted
from shared.web.forms import (
    CheckboxesField,
    CheckboxField,
    DateField,
    Form,
    LongTextField,
    RadioField,
    SelectField,
    Subform,
    TextField,
    VersionField,
)
from shared.web.labels import label, labels
from shared.web.language import N_
from shared.web.problem import Problem, flatten
from shared.web.validation_messages import translate

ANSWERS = (("yes", N_("Yes")), ("no", N_("No")), ("unknown", N_("Not known")))
NONE_FOUND = "none"
#: Asked of every report; the others are behind "More about the work".
FIRST_QUESTIONS = ("night_work", "family_business")
MORE_QUESTIONS = (
    "chores_only",
    "schooling_undisturbed",
    "parental_permission",
    "contract_with_parent",
    "daytime",
    "occupational_safety",
    "employment_relation",
    "wage_by_rules",
    "light_work",
    "approved_curriculum",
    "guidance_and_safety",
    "talent",
    "direct_parental_supervision",
)


def coded(kind: str, blank: bool = False) -> Callable[[], Iterator[tuple[str, str]]]:
    """Choices of a list of codes in the language of the page."""

    def choices() -> Iterator[tuple[str, str]]:
        if blank:
            yield "", _("Choose one")
        yield from labels(kind)

    return choices


class Coded(SelectField):
    """One code of a list, from a list that drops down."""

    def __init__(self, label: Any, kind: str, **options: Any) -> None:
        super().__init__(label, choices=coded(kind, blank=True), validate_choice=False, **options)


class CodedRadios(RadioField):
    """One code of a short list."""

    def __init__(self, label: Any, kind: str, **options: Any) -> None:
        super().__init__(label, choices=coded(kind), validate_choice=False, **options)


class Findings(CheckboxesField):
    """Any codes of a list, or that none was found: that nothing is ticked says only that nobody looked."""

    def __init__(self, label: Any, kind: str, **options: Any) -> None:
        def choices() -> Iterator[tuple[str, str]]:
            yield from coded(kind)()
            yield NONE_FOUND, _("None of these, as far as was seen")

        super().__init__(label, choices=choices, validate_choice=False, **options)

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        if NONE_FOUND in (self.data or ()) and len(self.data) > 1:
            raise wtforms.validators.ValidationError(_("Tick what was found, or that none was found, not both."))

    @property
    def found(self) -> list[str] | None:
        """The codes found: empty for none, None for not known."""
        return [code for code in self.data if code != NONE_FOUND] if self.data else None


class Answer(RadioField):
    """Yes, no, or not known: the last is an answer too, and where the form begins."""

    def __init__(self, fact: str, **options: Any) -> None:
        super().__init__(
            _LabelOf("work_fact", fact),
            choices=lambda: [(code, _(words)) for code, words in ANSWERS],
            default="unknown",
            validate_choice=False,
            **options,
        )


class _LabelOf:
    """A code's name in the language of the page, looked up when it is shown."""

    def __init__(self, kind: str, code: str) -> None:
        self._kind, self._code = kind, code

    def __str__(self) -> str:
        return label(self._kind, self._code)


class ChildForm(Subform):
    """One child. Everything may stay empty: the child may be unknown. `same_as` is the child that it is in an earlier
    report, as the search has found it."""

    same_as = wtforms.HiddenField()
    name = TextField(_l("Child's name, if known"))
    alias = TextField(_l("Other name or nickname"))
    sex = CodedRadios(_l("Sex"), "sex", default="unknown")
    age_years = TextField(_l("Age in years"), description=_l("Leave empty if it is not known."))
    nik = TextField(_l("NIK"), description=_l("16 digits, if known."))
    guardian_name = TextField(_l("Parent's or guardian's name"))
    guardian_phone = TextField(_l("Parent's or guardian's telephone"))
    address = TextField(_l("Address"))
    school = TextField(_l("School"))
    school_attendance = CodedRadios(_l("Does the child go to school?"), "school_attendance", default="unknown")


class _ReportForm(Form):
    key = wtforms.HiddenField(default=lambda: str(uuid.uuid4()))
    channel = Coded(_l("How did the report come in?"), "channel")
    received_on = DateField(
        _l("When was it received?"), description=_l("For example 27 3 2026. A paper report is dated back.")
    )
    transfer_office = TextField(_l("Office that hands the case over"))
    transfer_reference = TextField(
        _l("Number of the case there"), description=_l("As it stands in the other office's letter.")
    )
    kelurahan = Coded(_l("Kelurahan of the workplace"), "kelurahan")
    anonymous = CheckboxField(_l("The reporter stays anonymous"))
    reporter_name = TextField(_l("Reporter's name"))
    reporter_phone = TextField(_l("Reporter's telephone"))
    workplace_name = TextField(_l("Name of the workplace"))
    workplace_address = TextField(_l("Address of the workplace"))
    work_type = Coded(_l("Kind of work"), "work_type")
    hours_per_day = TextField(_l("Hours of work a day"), description=_l("Leave empty if it is not known."))
    hours_per_week = TextField(_l("Hours of work a week"), description=_l("Leave empty if it is not known."))
    hazards = Findings(_l("Hazards seen"), "hazard", description=_l("Tick all that apply."))
    worst_forms = Findings(
        _l("Signs of a worst form of child labour"), "worst_form", description=_l("Tick all that apply.")
    )


class _Questions(_ReportForm):
    pass


for _fact in (*FIRST_QUESTIONS, *MORE_QUESTIONS):
    setattr(_Questions, _fact, Answer(_fact))


class ReportForm(_Questions):
    """The whole form."""

    children = wtforms.FieldList(wtforms.FormField(ChildForm), min_entries=1, max_entries=MAXIMUM_CHILDREN)
    narrative = LongTextField(
        _l("What was seen or told"),
        description=_l("In the reporter's words. This is sealed, and opened only by those who handle the report."),
        validators=[wtforms.validators.Optional(), wtforms.validators.Length(max=20_000)],
    )

    def questions(self, names: tuple[str, ...]) -> list[Any]:
        """The yes-or-no questions of these names."""
        return [self[name] for name in names]

    @property
    def first_questions(self) -> list[Any]:
        """Those asked of every report."""
        return self.questions(FIRST_QUESTIONS)

    @property
    def more_questions(self) -> list[Any]:
        """Those that tell permitted work from child labour."""
        return self.questions(MORE_QUESTIONS)

    def payload(self) -> dict[str, Any]:
        """The report as the API takes it."""
        work: dict[str, Any] = {name: _answer(self[name].data) for name in (*FIRST_QUESTIONS, *MORE_QUESTIONS)}
        work |= {name: _number(self[name].data) for name in HOURS if name in self}
        work |= {name: self[name].found for name in LISTS}
        return {
            "channel": self.channel.data,
            "received_on": self.received_on.data.isoformat() if self.received_on.data else "",
            "kelurahan": self.kelurahan.data,
            "work_type": self.work_type.data,
            "work": work,
            "reporter": {
                "anonymous": self.anonymous.data,
                "name": self.reporter_name.data,
                "phone": self.reporter_phone.data,
            },
            "workplace": {"name": self.workplace_name.data, "address": self.workplace_address.data},
            "transfer": {"office": self.transfer_office.data, "reference": self.transfer_reference.data},
            "children": [child_of(entry.form) for entry in self.children],
            "narrative": (self.narrative.data or "").replace("\r\n", "\n"),
        }

    def checked(self) -> dict[str, Any] | None:
        """The accepted report, or None with the messages put on their fields."""
        valid = self.validate_on_submit()
        try:
            report: dict[str, Any] = NewReport().load(self.payload())
        except ValidationError as error:
            for each in flatten(error.normalized_messages()):
                self._put(each["field"], translate(each["message"]))
            return None
        return report if valid else None

    def _put(self, field: str, message: str) -> None:
        """Puts a message of the schema on the field of the form that it is about."""
        target = _field(self, field)
        if not target.errors:
            required = field in ("channel", "kelurahan", "work_type", "received_on") and not target.data
            target.errors = [_("Answer this question.") if required else message]

    @property
    def asks_who_hands_over(self) -> bool:
        """Whether something was typed or is wrong about a transfer, so that its questions are to be seen."""
        return any(field.data or field.errors for field in (self.transfer_office, self.transfer_reference))

    def add_child(self) -> None:
        """Adds an empty child, as the button asks."""
        if len(self.children) < MAXIMUM_CHILDREN:
            self.children.append_entry()

    def unlink_child(self, place: str) -> None:
        """Says that a child is not the one of an earlier report, as the button asks."""
        if place.isdecimal() and int(place) < len(self.children):
            self.children[int(place)].form.same_as.data = ""

    def refuse(self, problem: Problem) -> None:
        """Puts what was found only when registering on the fields that it is about."""
        for each in problem.errors:
            self._put(each["field"], each["message"])

    def remove_child(self) -> None:
        """Takes the last child away, as the button asks."""
        if len(self.children) > 1:
            self.children.pop_entry()


def new_form(today: Any) -> ReportForm:
    """The form of this request, with today's date where nothing was typed yet."""
    form = ReportForm()
    if request.method == "GET":
        form.received_on.begin_with(today)
    return form


_RENAMED = {
    "reporter.name": "reporter_name",
    "reporter.phone": "reporter_phone",
    "reporter.anonymous": "anonymous",
    "workplace.name": "workplace_name",
    "workplace.address": "workplace_address",
    "transfer.office": "transfer_office",
    "transfer.reference": "transfer_reference",
}


def _field(form: ReportForm, path: str) -> Any:
    if path in _RENAMED:
        return form[_RENAMED[path]]
    parts = path.split(".")
    if parts[0] == "children" and len(parts) > 2:
        return form.children[int(parts[1])].form[parts[2]]
    return form[parts[1] if parts[0] == "work" and len(parts) > 1 else parts[0]]


def child_of(form: Any) -> dict[str, Any]:
    """What was typed of a child, as the API takes it; the form may have some of its fields only."""
    child: dict[str, Any] = {name: field.data for name, field in form._fields.items()}
    if "age_years" in child:
        child["age_years"] = _whole(child["age_years"])
    for name in ("same_as", "nik"):
        if name in child:
            child[name] = "".join((child[name] or "").split()) or None
    return child


def _answer(code: str | None) -> bool | None:
    return {"yes": True, "no": False}.get(code or "")


def _whole(text: str | None) -> int | str | None:
    """A whole number as a number, nothing as None, anything else as it was typed, for the schema to refuse."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else text or None


def _number(text: str | None) -> float | str | None:
    """Hours: `7`, `7.5` or `7,5`."""
    text = (text or "").strip()
    try:
        return float(text.replace(",", ".")) if text else None
    except ValueError:
        return text


class ErasureForm(Form):
    """Why, and that it is meant."""

    reason = CodedRadios(_l("Why is it erased?"), "erasure_reason")
    also = wtforms.HiddenField()
    """The numbers of the other reports that the page named."""
    sure = CheckboxField(_l("I am sure: nobody can bring it back."))

    def checked(self) -> str | None:
        """The reason, if the form is right; None with its errors set."""
        self.process(request.form)
        errors = Erasure().validate({"reason": self.reason.data} if self.reason.data else {})
        self.reason.errors = [translate(message) for message in errors.get("reason", [])]
        if not self.sure.data:
            self.sure.errors = [_("Tick this to go on.")]
        return None if errors or not self.sure.data else str(self.reason.data)


class SeparationForm(Form):
    """That it is meant, for the version of the report that the page shows."""

    version = VersionField()
    sure = CheckboxField(_l("I have compared the reports: it is another child."))

    def checked(self) -> bool:
        """Whether it is meant; False with the error set."""
        self.process(request.form)
        if not self.sure.data:
            self.sure.errors = [_("Tick this to go on.")]
        return bool(self.sure.data)


class RedactionForm(Form):
    """The narrative as it shall stand, for the version of the report that the page shows."""

    version = VersionField()
    narrative = LongTextField(_l("Narrative"), validators=[wtforms.validators.Length(max=20_000)])

    def checked(self) -> str | None:
        """The narrative, if it will do; None with its errors set."""
        self.process(request.form)
        errors = Redaction().validate({"narrative": self.narrative.data or ""})
        self.narrative.errors = [translate(message) for message in errors.get("narrative", [])]
        return None if errors else str(self.narrative.data)


class MatchingForm(Form):
    """What is known of a child who may have been reported before."""

    name = TextField(_l("Name of the child"))
    age_years = TextField(_l("Age in years"))
    kecamatan = SelectField(_l("Kecamatan"), choices=coded("kecamatan", blank=True))
    guardian_name = TextField(_l("Name of the parent or guardian"))

    def checked(self) -> dict[str, Any] | None:
        """What was entered, if the form is right; None with its errors set."""
        self.process(request.form)
        entered = {field.name: field.data for field in self if field.name != "csrf_token" and field.data}
        if str(entered.get("age_years", "")).isdecimal():
            entered["age_years"] = int(entered["age_years"])
        errors = Wanted().validate(entered)
        for name, messages in errors.items():
            self[name].errors = [translate(message) for message in messages]
        found: dict[str, Any] = Wanted().load(entered) if not errors else {}
        return found or None
