"""The web application of intake."""

from __future__ import annotations

from flask import Flask

from services.intake import (
    api,
    attachments_api,
    attachments_pages,
    matching_api,
    matching_pages,
    pages,
    retention_api,
    retention_pages,
    subject_api,
    subject_pages,
)
from shared import web
from shared.foundation import Foundation


def create_app(foundation: Foundation) -> Flask:
    """The application: JSON under /api/v1/reports, pages under /<lang>/reports."""
    return web.finish(
        web.create_app(
            foundation,
            __name__,
            blueprints=[
                api.blueprint,
                attachments_api.blueprint,
                matching_api.blueprint,
                retention_api.blueprint,
                subject_api.blueprint,
            ],
            pages=[
                pages.blueprint,
                attachments_pages.blueprint,
                matching_pages.blueprint,
                retention_pages.blueprint,
                subject_pages.blueprint,
            ],
        )
    )
