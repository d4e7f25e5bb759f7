"""What a form that changes something needs besides its fields: a key, so that a second click changes nothing more, and
one way of saying on the page that follows what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import flash, request
from flask_babel import gettext
from wtforms import HiddenField

from shared.journal import Command, VersionConflict
from shared.web.conditions import command_of
from shared.web.problem import Problem

#: Said to whoever sent it, not refused as a mistake of the form: who may not, and what does not fit any more.
TOLD = (403, 409, 422)

Refuse = Callable[[Iterable[Mapping[str, str]]], bool]


def new_key() -> str:
    """A key for a form that is shown now."""
    return str(uuid.uuid4())


class KeyField(HiddenField):
    """The key of a form: made as the page is shown, sent with it, and kept while its errors are corrected. A form that
    came without one gets a new one: then each time it is sent counts."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default=new_key, **options)


def command_of_form(secret: str, field: str = "key") -> Command:
    """The command of the form that was sent, with its key in this field. What was typed is part of the key, and so is
    the address: going back and sending something else is another command, and no mistake.

    Raises Problem 400 for an unfit key.
    """
    typed = request.form.to_dict(flat=False)
    typed.pop("csrf_token", None)
    content = {"asked": request.args.to_dict(flat=False), "typed": typed}
    sent = command_of(secret, request.form.get(field) or new_key(), content)
    return Command(sent.caller, f"{sent.key}-{sent.fingerprint}", sent.fingerprint)


def attempt(change: Callable[[], Any], done: str, refuse: Refuse = lambda errors: False) -> bool:
    """Carries out what a form asks for, and says on the page that follows what came of it: `done`, or why not.

    Returns False, and says nothing, where `refuse` has put all that is wrong at the fields of the form, which is to be
    shown again. Raises the Problems that are not in TOLD, and what is beyond whoever sent it (Unavailable).
    """
    try:
        change()
    except VersionConflict:
        flash(gettext("Somebody else changed this in the meantime. This is how it stands now."))
    except Problem as problem:
        if problem.status not in TOLD:
            raise
        if problem.errors and refuse(problem.errors):
            return False
        flash(problem.errors[0]["message"] if problem.errors else problem.advice)
    else:
        flash(done, "success")
    return True
