"""The web application of reporting."""

from __future__ import annotations

from flask import Flask

from services.reporting import api, pages
from services.reporting.model.indicators import indicators
from shared import web
from shared.foundation import Foundation


def create_app(foundation: Foundation) -> Flask:
    """The application: JSON under /api/v1/indicators, pages under /<lang>/dashboard. Raises IndicatorError."""
    indicators()  # a wrong file stops the start
    return web.finish(web.create_app(foundation, __name__, blueprints=[api.blueprint], pages=[pages.blueprint]))
