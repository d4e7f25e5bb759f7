"""The web application of notifications."""

from __future__ import annotations

from flask import Flask

from services.notifications import api, pages
from shared import web
from shared.foundation import Foundation


def create_app(foundation: Foundation) -> Flask:
    """The application: JSON under /api/v1/subscriptions and /api/v1/deliveries, pages under /<lang>/subscriptions."""
    return web.finish(web.create_app(foundation, __name__, blueprints=api.BLUEPRINTS, pages=[pages.blueprint]))
