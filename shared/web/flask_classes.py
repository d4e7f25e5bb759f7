"""Flask's classes where its way is longer than ours needs: a fifth of a short request went there.

They behave as Flask's; what is not the usual case goes to Flask's own methods.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import flask

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Headers = list[tuple[str, str]]

_BODILESS = (*range(100, 200), 204, 304)
# An address in which nothing has to be escaped.
_ADDRESS = re.compile(r"[A-Za-z0-9/_.~?&=:+-]*")


class Response(flask.Response):
    """Adds the headers that every answer of the application has (`usual`) as it is sent, unless the view has set them.

    An application has a class of its own, made by `response_class`.
    """

    usual: ClassVar[list[tuple[str, tuple[str, str]]]] = []

    def get_wsgi_response(self, environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, Headers]:
        """As werkzeug's, without a checked copy of headers that nothing has to be done to."""
        if "Content-Length" in self.headers and self.status_code not in _BODILESS and self._location_is_ready():
            body, status, headers = self.get_app_iter(environ), self.status, self.headers.to_wsgi_list()
        else:
            body, status, headers = super().get_wsgi_response(environ)
        given = {name.lower() for name, _ in headers}
        headers += [header for name, header in self.usual if name not in given]
        return body, status, headers

    def _location_is_ready(self) -> bool:
        if "Content-Location" in self.headers:
            return False
        return _ADDRESS.fullmatch(self.headers.get("Location", "")) is not None


def response_class(usual: Headers) -> type[Response]:
    """The class of an application's answers, all of which have the headers `usual`."""
    return type("Response", (Response,), {"usual": [(name.lower(), (name, value)) for name, value in usual]})


class Application(flask.Flask):
    """No view of ours is a coroutine: Flask asks that of every function at every call."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself."""
        return func
