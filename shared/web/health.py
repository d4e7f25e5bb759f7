"""Is this process alive (`/<service>/healthz`), and can it do its work (`/<service>/readyz`)?

Readiness asks every dependency by name, within a bound, as the service's own user. Metrics are not here: they are not
for the public address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pymongo
import structlog
from flask import Blueprint, Flask, current_app, jsonify
from flask.typing import ResponseReturnValue

from shared.access.web import public

#: Seconds that one dependency may take to answer.
PATIENCE = 2.0

#: Raises when the dependency is not usable; what it returns does not matter.
Check = Callable[[], object]

log = structlog.get_logger(__name__)


def add_check(app: Flask, name: str, check: Check) -> None:
    """Adds a dependency that `/readyz` asks. `check` must be bounded in time and raise when it is not usable."""
    app.extensions.setdefault("rujukan_checks", {})[name] = check


def install(app: Flask, service: str, database: Any) -> None:
    """Registers both addresses; MongoDB is the dependency that every service has."""
    blueprint = Blueprint("health", __name__, url_prefix=f"/{service}")

    @blueprint.get("/healthz")
    @public
    def healthz() -> ResponseReturnValue:
        return jsonify(status="alive", service=service)

    @blueprint.get("/readyz")
    @public
    def readyz() -> ResponseReturnValue:
        results = {name: ask(name, check) for name, check in current_app.extensions["rujukan_checks"].items()}
        ready = all(result["ok"] for result in results.values())
        body = jsonify(status="ready" if ready else "not ready", service=service, checks=results)
        return body, 200 if ready else 503

    def ping() -> None:
        with pymongo.timeout(PATIENCE):
            database.command("ping")

    add_check(app, "mongodb", ping)
    app.register_blueprint(blueprint)


def ask(name: str, check: Check) -> dict[str, Any]:
    """One dependency's answer: `{"ok": true}`, or `{"ok": false, "error": <kind>}` with no text of the exception."""
    try:
        check()
    except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it is not ready)
        log.warning("dependency_not_ready", dependency=name, error_type=type(error).__name__)
        return {"ok": False, "error": type(error).__name__}
    return {"ok": True}
