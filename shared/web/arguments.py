"""The blueprint of every JSON endpoint: flask-smorest's, which refuses what a question does not know.

A misspelt filter that is silently ignored shows more than was asked for.
"""

from __future__ import annotations

import flask_smorest
from marshmallow import RAISE
from webargs.flaskparser import FlaskParser


class _Parser(FlaskParser):
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}


class Blueprint(flask_smorest.Blueprint):
    """Use it as flask_smorest.Blueprint."""

    ARGUMENTS_PARSER = _Parser()
