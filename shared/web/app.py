"""The application of one service: everything that is the same in all of them, put together once.

A service's own `app.py` calls `create_app` with its blueprints and then `finish`:

    def create_app(foundation: Foundation) -> Flask:
        return finish(web.create_app(foundation, __name__, blueprints=[api.blueprint], pages=[pages.blueprint]))
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, current_app, request
from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader, PrefixLoader

from shared.access import web as access
from shared.access.tokens import load_public_key
from shared.web import errors, formats, health, labels, language, navigation, observation, openapi, requests, security
from shared.web.flask_classes import Application
from shared.web.pages import page_number_url
from shared.web.routes import API_PREFIX, PSEUDO_LANGUAGE
from shared.web.validation_messages import translate

if TYPE_CHECKING:
    from shared.foundation import Foundation

HERE = Path(__file__).parent


def create_app(
    foundation: Foundation,
    import_name: str,
    *,
    blueprints: Sequence[Any] = (),
    pages: Sequence[Blueprint] = (),
) -> Flask:
    """The application of the service `foundation.settings.service`.

    `import_name` is the service's own module (`__name__`), beside which its `templates/`, `static/` and
    `translations/` lie. `blueprints` are flask-smorest blueprints, mounted under /api/v1; `pages` are Flask blueprints,
    mounted under /<lang>. Their `url_prefix` is what follows ("/reports"). Call `finish` when all routes are there.
    """
    settings = foundation.settings
    service = settings.service
    app = Application(import_name, static_url_path=f"/{service}/static")
    app.extensions["rujukan"] = foundation

    language.install(app, [Path(app.root_path) / "translations"], pseudo=settings.environment == "local")
    _install_templates(app, service)
    formats.install(app)
    security.install(app, service, settings.secret_key, settings.base_url)
    requests.install(app)
    errors.install(app)

    # The order matters: an id for the logs, then who it is and whether they may, and only then the body.
    observation.install(app, service)
    access.install(app, load_public_key(settings.token_public_key_file or ""))
    app.before_request(requests.limit)
    app.before_request(security.check)
    app.before_request(requests.check)

    health.install(app, service, foundation.database)
    if foundation.vault is not None:
        health.add_check(app, "vault_keys", foundation.vault.check)
    api = openapi.install(app, service)
    for blueprint in blueprints:
        api.register_blueprint(blueprint, url_prefix=_below(API_PREFIX, blueprint.url_prefix))
    for page in pages:
        app.register_blueprint(page, url_prefix=_below("/<lang:lang>", page.url_prefix))
    return app


def finish(app: Flask) -> Flask:
    """Checks that every route says who may use it, and returns the app. Raises RuntimeError that names those that
    do not."""
    undeclared = sorted(
        f"{method} {rule.rule} ({rule.endpoint})"
        for rule in app.url_map.iter_rules()
        if rule.endpoint.rpartition(".")[2] != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if access.declared_action(app.view_functions[rule.endpoint], method) is None
    )
    if undeclared:
        raise RuntimeError(f"no @requires or @public on: {', '.join(undeclared)}")
    return app


def current_foundation() -> Foundation:
    """The foundation of the service that answers this request."""
    found: Foundation = current_app.extensions["rujukan"]
    return found


def _below(prefix: str, path: str | None) -> str:
    path = path or ""
    return path if path.startswith((prefix, "/<lang")) else prefix + path


def _install_templates(app: Flask, service: str) -> None:
    app.jinja_loader = ChoiceLoader(
        [
            FileSystemLoader(Path(app.root_path) / "templates"),
            FileSystemLoader(HERE / "templates"),
            PrefixLoader(
                {
                    "govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja"),
                    "govuk_frontend_wtf": PackageLoader("govuk_frontend_wtf"),
                }
            ),
        ]
    )
    app.register_blueprint(
        Blueprint("web", __name__, static_folder="static", static_url_path=f"/{service}/static/shared")
    )
    app.jinja_env.filters["translate_message"] = translate
    app.jinja_env.globals.update(
        page_url=language.page_url,
        page_number_url=page_number_url,
        other_languages=language.other_languages,
        navigation=navigation.navigation,
        sign_out_token=security.sign_out_token,
        label=labels.label,
        labels=labels.labels,
        field_name=labels.field_name,
        field_rows=labels.field_rows,
        demonstration=app.extensions["rujukan"].settings.demonstration,
    )

    @app.context_processor
    def of_this_request() -> dict[str, Any]:
        code = language.language_of_request()
        return {"actor": navigation.actor_of_page(), "page_language": "en" if code == PSEUDO_LANGUAGE else code}

    @app.url_defaults
    def add_content_hash(endpoint: str, values: dict[str, Any]) -> None:
        """Static files are cached for ever, so their address changes with their content."""
        if endpoint.rpartition(".")[2] != "static" or "filename" not in values or "v" in values:
            return
        owner: Any = app
        if "." in endpoint:
            name = request.blueprint if endpoint.startswith(".") else endpoint.rpartition(".")[0]
            owner = app.blueprints.get(name or "", app)
        if owner.static_folder:
            values["v"] = content_hash(Path(owner.static_folder) / values["filename"])


@cache
def content_hash(path: Path) -> str | None:
    """The first characters of a file's SHA-256; None when there is no such file. Read once per process."""
    if not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
