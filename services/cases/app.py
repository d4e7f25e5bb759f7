"""The web application of cases."""

from __future__ import annotations

from flask import Flask

from services.cases import api, glass_api, glass_pages, pages, referrals_api, referrals_pages
from services.cases.definitions import NoDefinition
from shared import web
from shared.foundation import Foundation
from shared.web import Problem
from shared.web.errors import answer


def create_app(foundation: Foundation) -> Flask:
    """The application: JSON under /api/v1/cases, referrals and break-glass, pages under the same names."""
    application = web.create_app(
        foundation,
        __name__,
        blueprints=[api.blueprint, referrals_api.blueprint, glass_api.blueprint],
        pages=[pages.blueprint, referrals_pages.blueprint, glass_pages.blueprint],
    )
    # A server that is one version behind cannot say what may be done with a case; another can, or it can later.
    application.register_error_handler(
        NoDefinition, lambda _: answer(Problem(503, "service_unavailable", headers={"Retry-After": "30"}))
    )
    return web.finish(application)
