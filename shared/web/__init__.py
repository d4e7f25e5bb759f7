"""The web layer: what every page and endpoint of every service shares.

    from shared.web import Page, Problem, create_app, current_foundation, finish, page_number

Forms are in shared.web.forms, marks for translation in shared.web.language (N_), templates in web/layout.html and
web/components.html. docs/web.md shows them at work.
"""

from shared.web.app import create_app, current_foundation, finish
from shared.web.health import add_check
from shared.web.language import language_of_request, page_url
from shared.web.pages import PAGE_SIZE, Page, page_number
from shared.web.problem import Problem

__all__ = [
    "PAGE_SIZE",
    "Page",
    "Problem",
    "add_check",
    "create_app",
    "current_foundation",
    "finish",
    "language_of_request",
    "page_number",
    "page_url",
]
