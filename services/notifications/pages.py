"""The pages of notifications: an agency's subscriptions, and the log of what was sent to each.

Everything is a form that works without JavaScript. A signing secret is shown on the page that answers the form that
made it, and on no other.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField
from wtforms.validators import InputRequired, Length

from services.notifications import actions, guard, model, records, store, texts
from shared.access import current_actor, may, requires
from shared.events.catalogue import SUBSCRIBABLE
from shared.web import PAGE_SIZE, Page, Problem, current_foundation, page_number
from shared.web.conditions import command_of
from shared.web.forms import CheckboxesField, Form, RadioField, SelectField, TextField
from shared.web.labels import agency_label, label, labels

blueprint = Blueprint("subscriptions", __name__, url_prefix="/subscriptions")


class SubscriptionForm(Form):
    """Where to send what. The agency is asked only of those who look after several."""

    agency_id = SelectField(_l("Agency"), validators=[InputRequired()])
    url = TextField(
        _l("Address of the receiver"),
        description=_l("Begins with https:// and is reachable from the internet."),
        validators=[InputRequired(), Length(max=guard.MAX_URL_LENGTH)],
    )
    event_types = CheckboxesField(_l("What to be told of"), description=_l("Choose none to be told of everything."))
    kecamatans = CheckboxesField(_l("From which kecamatan"), description=_l("Choose none for the whole city."))
    minimum_severity = RadioField(_l("From which severity on"), validators=[InputRequired()])
    version = HiddenField()
    key = HiddenField()

    def prepare(self, *, for_new: bool) -> None:
        """Fills in the choices in the language of the page; leaves out the agency where there is none to choose."""
        self.event_types.choices = [(name, _(texts.EVENT_TYPES[name])) for name in SUBSCRIBABLE]
        self.kecamatans.choices = list(labels("kecamatan"))
        self.minimum_severity.choices = [(code, label("severity", code)) for code in model.SEVERITIES]
        if not for_new or records.only_agency("subscription.create") is not None:
            del self.agency_id
        else:
            agencies = store.agencies(current_foundation().database)
            self.agency_id.choices = [("", _("Choose an agency"))]
            self.agency_id.choices += [(agency["_id"], agency_label(agency)) for agency in agencies]

    def wanted(self) -> model.Filter:
        """The filter that was chosen."""
        return model.Filter(
            tuple(self.event_types.data or ()), tuple(self.kecamatans.data or ()), self.minimum_severity.data
        )


def agency_names() -> dict[str, str]:
    """The labels of all agencies that directory has told of, by id."""
    return {agency["_id"]: agency_label(agency) for agency in current_foundation().database.agencies.find()}


@blueprint.get("")
@requires("subscription.read")
def listing() -> ResponseReturnValue:
    """The subscriptions that this actor may see."""
    number = page_number()
    own = records.only_agency("subscription.read")
    items, total = store.subscriptions(
        current_foundation().database, own, skip=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE
    )
    return render_template(
        "notifications/list.html",
        page=Page(items, number, total),
        agencies=agency_names(),
        several=own is None,
        may_create=bool(may(current_actor(), "subscription.create")),
    )


@blueprint.route("/new", methods=["GET", "POST"])
@requires("subscription.create")
def new() -> ResponseReturnValue:
    """The form for a new subscription; its answer shows the secret."""
    form = SubscriptionForm(data={"minimum_severity": model.MILDEST, "key": uuid.uuid4().hex})
    form.prepare(for_new=True)
    if form.validate_on_submit():
        agency_id = records.agency_for_new(form.agency_id.data if "agency_id" in form else None)
        content = {"agency_id": agency_id, "url": form.url.data, **asdict(form.wanted())}
        key = form.key.data or uuid.uuid4().hex
        try:
            subscription_id, secret = actions.create(
                current_foundation(),
                current_actor(),
                agency_id=agency_id,
                url=form.url.data,
                wanted=form.wanted(),
                command=command_of(current_foundation().settings.secret_key, key, content),
            )
            return render_template(
                "notifications/secret.html", subscription_id=subscription_id, secret=secret, new=True
            )
        except guard.Refused as refused:
            form.url.errors = [_(texts.REFUSALS[refused.code])]
    return render_template("notifications/form.html", form=form, subscription=None), _form_status(form)


@blueprint.get("/<subscription_id>")
@requires("subscription.read")
def detail(subscription_id: str) -> ResponseReturnValue:
    """One subscription and the log of its deliveries."""
    found = records.subscription("subscription.read", subscription_id)
    database = current_foundation().database
    number = page_number()
    state = request.args.get("state")
    state = state if state in store.DELIVERY_STATES else None
    items, total = store.deliveries(
        database, subscription_id=subscription_id, state=state, skip=(number - 1) * PAGE_SIZE, limit=PAGE_SIZE
    )
    return render_template(
        "notifications/detail.html",
        subscription=found,
        agency=agency_names().get(found["agency_id"], found["agency_id"]),
        page=Page([records.shown(each) for each in items], number, total),
        state=state,
        waiting=store.waiting(database, subscription_id),
        may_change=bool(may(current_actor(), "subscription.change", found)),
        texts=texts,
        event_types=[_(texts.EVENT_TYPES[name]) for name in found["event_types"]],
        kecamatans=[label("kecamatan", code) for code in found["kecamatans"]],
        severity=label("severity", found["minimum_severity"]),
    )


@blueprint.route("/<subscription_id>/edit", methods=["GET", "POST"])
@requires("subscription.change")
def edit(subscription_id: str) -> ResponseReturnValue:
    """The form that changes address and filter."""
    found = records.subscription("subscription.change", subscription_id)
    form = SubscriptionForm(data=found)
    form.prepare(for_new=False)
    if form.validate_on_submit():
        try:
            actions.change(
                current_foundation(),
                current_actor(),
                subscription_id,
                expected=_version(form.version.data),
                url=form.url.data,
                wanted=form.wanted(),
            )
            flash(_("The subscription was changed."), "success")
            return redirect(url_for(".detail", subscription_id=subscription_id))
        except guard.Refused as refused:
            form.url.errors = [_(texts.REFUSALS[refused.code])]
        except actions.Missing:
            raise Problem(404, "not_found") from None
    return render_template("notifications/form.html", form=form, subscription=found), _form_status(form)


@blueprint.post("/<subscription_id>/enable")
@requires("subscription.change")
def enable(subscription_id: str) -> ResponseReturnValue:
    """Start sending again."""
    return _switch(subscription_id, True, _("Sending was enabled. What has waited goes out now."))


@blueprint.post("/<subscription_id>/disable")
@requires("subscription.change")
def disable(subscription_id: str) -> ResponseReturnValue:
    """Stop sending."""
    return _switch(subscription_id, False, _("Sending was disabled. Messages wait until it is enabled."))


def _switch(subscription_id: str, enabled: bool, message: str) -> ResponseReturnValue:
    records.subscription("subscription.change", subscription_id)
    with records.refusals():
        actions.change(current_foundation(), current_actor(), subscription_id, enabled=enabled)
    flash(message, "success")
    return redirect(url_for(".detail", subscription_id=subscription_id))


@blueprint.post("/<subscription_id>/secret")
@requires("subscription.change")
def rotate_secret(subscription_id: str) -> ResponseReturnValue:
    """Make a new secret and show it."""
    records.subscription("subscription.change", subscription_id)
    with records.refusals():
        secret, former_until = actions.rotate_secret(current_foundation(), current_actor(), subscription_id)
    return render_template(
        "notifications/secret.html",
        subscription_id=subscription_id,
        secret=secret,
        former_until=former_until,
        new=False,
    )


@blueprint.post("/<subscription_id>/test")
@requires("subscription.test")
def send_test(subscription_id: str) -> ResponseReturnValue:
    """Send a test message and go to its log."""
    records.subscription("subscription.test", subscription_id)
    with records.refusals():
        delivery_id = actions.send_test(current_foundation(), current_actor(), subscription_id)
    flash(_("A test message is on its way. Load this page again to see what came of it."), "success")
    return redirect(url_for(".delivery", subscription_id=subscription_id, delivery_id=delivery_id))


@blueprint.route("/<subscription_id>/delete", methods=["GET", "POST"])
@requires("subscription.delete")
def delete(subscription_id: str) -> ResponseReturnValue:
    """Ask whether to delete, and delete."""
    found = records.subscription("subscription.delete", subscription_id)
    form = Form()
    if form.validate_on_submit():
        with records.refusals():
            actions.delete(current_foundation(), current_actor(), subscription_id)
        flash(_("The subscription was deleted."), "success")
        return redirect(url_for(".listing"))
    waiting = store.waiting(current_foundation().database, subscription_id)
    return render_template("notifications/delete.html", form=form, subscription=found, waiting=waiting)


@blueprint.get("/<subscription_id>/deliveries/<delivery_id>")
@requires("delivery.read")
def delivery(subscription_id: str, delivery_id: str) -> ResponseReturnValue:
    """One delivery: what was sent, and every attempt."""
    found = _delivery("delivery.read", subscription_id, delivery_id)
    subscription = store.subscription(current_foundation().database, subscription_id)
    return render_template("notifications/delivery.html", delivery=found, subscription=subscription, texts=texts)


@blueprint.post("/<subscription_id>/deliveries/<delivery_id>/resend")
@requires("delivery.resend")
def resend(subscription_id: str, delivery_id: str) -> ResponseReturnValue:
    """Send a message again."""
    _delivery("delivery.resend", subscription_id, delivery_id)
    with records.refusals():
        actions.resend(current_foundation(), current_actor(), delivery_id)
    flash(_("The message is on its way again. Load this page again to see what came of it."), "success")
    return redirect(url_for(".delivery", subscription_id=subscription_id, delivery_id=delivery_id))


def _delivery(action: str, subscription_id: str, delivery_id: str) -> store.Document:
    found = records.delivery(action, delivery_id)
    if found["subscription_id"] != subscription_id:
        raise Problem(404, "not_found")
    return found


def _version(given: str | None) -> int:
    if given is None or not given.isascii() or not given.isdigit() or len(given) > 9:
        raise Problem(400, "bad_request")
    return int(given)


def _form_status(form: Form) -> int:
    return 422 if form.errors or form.error_summary() else 200
