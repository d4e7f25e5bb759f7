"""The web application of intake."""

from __future__ import annotations

from flask import Flask

from services.intake import api, attachments_api, attachments_pages, pages
from shared import web
from shared.foundation import Foundation


def create_app(foundation: Foundation) -> Flask:
    """The application: JSON under /api/v1/reports, pages under /<lang>/reports."""
    return web.finish(
        web.create_app(
            foundation,
            __name__,
            blueprints=[api.blueprint, attachments_api.blueprint],
            pages=[pages.blueprint, attachments_pages.blueprint],
        )
    )
