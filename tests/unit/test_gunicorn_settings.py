"""gunicorn ignores names in its settings that it does not know: a misspelt hook would never be called."""

from __future__ import annotations

import inspect

from gunicorn.config import KNOWN_SETTINGS

from deploy import gunicorn


def test_every_hook_is_one_that_gunicorn_calls():
    known = {setting.name for setting in KNOWN_SETTINGS}
    ours = {name for name, found in vars(gunicorn).items() if inspect.isfunction(found) and not name.startswith("_")}
    assert ours and ours <= known, ours - known
