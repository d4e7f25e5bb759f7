"""The OpenAPI document of a service: `/<service>/openapi.json`, and a page to read it at `/<lang>/<service>/api-docs`.

flask-smorest collects the operations; this module adds what is the same everywhere (problem+json, who may call) and
replaces flask-smorest's own error format and document pages.
"""

from __future__ import annotations

import copy
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_smorest import Api

from shared.access.web import PUBLIC, declared_action, public
from shared.web.language import N_

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "Stable name of the problem: urn:rujukan:problem:<code>."},
        "title": {"type": "string", "description": "What happened, in the language of the request."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do about it."},
        "instance": {"type": "string", "description": "The id of this request, also in our logs."},
        "current_version": {"type": "integer", "description": "With a version conflict: the version there is now."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body that was sent."},
                    "field": {"type": "string", "description": "The same place with dots."},
                    "in": {"type": "string", "description": "Where it was, if not in the body: query, path, headers."},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token that POST /api/v1/sessions returns.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-rujukan",
        "description": "A browser's session. Unsafe methods also need the header X-CSRFToken.",
    },
}
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_REFERENCE = {"$ref": "#/components/responses/Problem"}


class _Api(Api):
    """flask-smorest without its error handler and its pages; ours are elsewhere."""

    def _register_error_handlers(self) -> None:
        pass


def install(app: Flask, service: str) -> Api:
    """Makes the Api on which the service's JSON blueprints are registered, and the addresses of the document."""
    app.config.update(
        API_TITLE=f"Rujukan: {service}",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
    )
    api = _Api(app)
    pages = Blueprint("openapi", __name__)

    @pages.get(f"/{service}/openapi.json")
    @public
    def document_json() -> Response:
        return jsonify(document(current_app))

    @pages.get(f"/<lang:lang>/{service}/api-docs")
    @public
    def document_page() -> ResponseReturnValue:
        return render_template("web/api_docs.html", document=document(current_app), operations=_operations())

    app.register_blueprint(pages)
    return api


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `app`, as plain data."""
    api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    # The spec's own dictionaries are shared between calls: change a copy.
    found: dict[str, Any] = copy.deepcopy(api.spec.to_dict())
    found["info"]["description"] = "Errors are application/problem+json in Indonesian or English (Accept-Language)."
    found["security"] = [{"bearer": []}, {"session": []}]
    components = found.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["schemas"].pop("Error", None)  # flask-smorest's own form of an error
    components["securitySchemes"] = SECURITY_SCHEMES
    components["responses"] = {
        "Problem": {
            "description": "The request was refused or failed.",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    }
    open_to_all = _public_operations(app)
    for path, item in found.get("paths", {}).items():
        for method in _METHODS:
            operation = item.get(method)
            if operation is None:
                continue
            answers = operation.setdefault("responses", {})
            for status in list(answers):
                if str(status) == "default" or str(status)[0] in "45":
                    answers[status] = _REFERENCE
            answers["default"] = _REFERENCE
            if (method, path) in open_to_all:
                operation["security"] = []
    return found


def _public_operations(app: Flask) -> set[tuple[str, str]]:
    api = app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    found = set()
    for rule in app.url_map.iter_rules():
        path = api.flask_plugin.flaskpath2openapi(rule.rule)
        for method in rule.methods or ():
            if declared_action(app.view_functions[rule.endpoint], method) == PUBLIC:
                found.add((method.lower(), path))
    return found


def _operations() -> list[dict[str, Any]]:
    """The operations in the order of their paths, for the page: method, path, texts, parameters, body, answers."""
    found = document(current_app)
    listed = []
    for path, item in sorted(found.get("paths", {}).items()):
        shared = item.get("parameters", [])
        for method in _METHODS:
            operation = item.get(method)
            if operation is None:
                continue
            body = operation.get("requestBody", {}).get("content", {})
            listed.append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation.get("summary", ""),
                    "description": operation.get("description", ""),
                    "public": operation.get("security") == [],
                    "parameters": [_resolve(found, each) for each in [*shared, *operation.get("parameters", [])]],
                    "body": next((_fields(found, content.get("schema", {})) for content in body.values()), []),
                    "answers": {
                        status: _resolve(found, answer).get("description", "")
                        for status, answer in operation["responses"].items()
                    },
                }
            )
    return listed


def _resolve(found: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        target: Any = found
        for part in value["$ref"].lstrip("#/").split("/"):
            target = target[part]
        value = target
    return value


def _fields(found: dict[str, Any], schema: dict[str, Any], prefix: str = "", depth: int = 0) -> list[dict[str, Any]]:
    """A schema's fields as flat rows: `name` with dots ("children[].sex"), `type`, `required`, `description`."""
    schema = _resolve(found, schema)
    rows: list[dict[str, Any]] = []
    for name, value in schema.get("properties", {}).items():
        inner = _resolve(found, value)
        # marshmallow's nullable nested fields come as anyOf [schema, null].
        choices = [choice for choice in inner.get("anyOf", inner.get("allOf", [])) if choice.get("type") != "null"]
        if choices:
            inner = {**_resolve(found, choices[0]), **{k: v for k, v in inner.items() if k == "description"}}
        kind = inner.get("type", "")
        rows.append(
            {
                "name": prefix + name,
                "type": " | ".join(kind) if isinstance(kind, list) else kind,
                "required": name in schema.get("required", []),
                "description": inner.get("description", ""),
                "allowed": [value for value in inner.get("enum", []) if value is not None],
            }
        )
        if depth < 4:
            if "properties" in inner:
                rows += _fields(found, inner, f"{prefix}{name}.", depth + 1)
            elif "items" in inner:
                rows += _fields(found, inner["items"], f"{prefix}{name}[].", depth + 1)
    return rows


#: Descriptions of our own schemas that the page shows translated.
DESCRIPTIONS = (N_("The request was refused or failed."),)
