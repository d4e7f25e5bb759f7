"""The blueprint of every JSON endpoint: flask-smorest's, which refuses what a question does not know.

A misspelt filter that is silently ignored shows more than was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask_smorest
from flask import Request, request
from marshmallow import RAISE, Schema, ValidationError, missing
from webargs.flaskparser import FlaskParser


class _Parser(FlaskParser):
    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}

    def parse(self, argmap: Any, req: Any = None, **options: Any) -> Any:
        """As webargs's. A body that fits is loaded at once; what is wrong with another is said by webargs."""
        if options.get("location") == "json" and isinstance(argmap, Schema):
            body = self._raw_load_json(request)
            if body is not missing:
                try:
                    return argmap.load(body)
                except ValidationError:
                    pass
        return super().parse(argmap, req, **options)

    def _raw_load_json(self, req: Request) -> Any:
        """What `requests.check` has read of the body already."""
        return req.get_json() if req.is_json and req.get_data(cache=True) else missing


class Blueprint(flask_smorest.Blueprint):
    """Use it as flask_smorest.Blueprint."""

    ARGUMENTS_PARSER = _Parser()

    def arguments(self, schema: type[Schema] | Schema, **options: Any) -> Callable[[Any], Any]:
        """As flask_smorest's, with one instance of the schema for all requests: a fresh one for each copies its fields
        and those of its parts, which takes as long as checking a report does."""
        decorator: Callable[[Any], Any] = super().arguments(schema() if isinstance(schema, type) else schema, **options)
        return decorator
