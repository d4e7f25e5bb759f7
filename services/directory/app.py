"""Directory's web application: its JSON, its pages, and the exchange for the reverse proxy."""

from __future__ import annotations

from flask import Flask
from flask.typing import ResponseReturnValue

from services.directory import api, pages, sessions, texts
from services.directory.commands import NotFound
from services.directory.model import Refused
from services.directory.pages.provider import PROVIDER
from services.directory.provider import Provider
from shared import web
from shared.foundation import Foundation
from shared.web.errors import answer


def create_app(foundation: Foundation) -> Flask:
    """The application on its foundation."""
    app = web.create_app(foundation, __name__, blueprints=api.BLUEPRINTS, pages=pages.BLUEPRINTS)
    app.register_blueprint(api.internal)
    app.register_blueprint(pages.callback)
    app.extensions[PROVIDER] = Provider(foundation.settings) if foundation.settings.oidc_issuer else None
    # For the front door, and for the reverse proxy that asks by HTTP.
    app.extensions[sessions.EXCHANGE] = sessions.exchanger(foundation)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(NotFound, lambda error: answer(web.Problem(404, "not_found")))
    return web.finish(app)


def _refused(error: Refused) -> ResponseReturnValue:
    return answer(web.Problem(422, "invalid", errors=texts.errors(error.errors)))
