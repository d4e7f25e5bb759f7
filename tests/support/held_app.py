"""A web application whose answers can be held: POST /held answers once the file that HELD names is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Reads the request, waits if it is asked to, and says that it was carried out."""
    body = environ["wsgi.input"].read()
    while environ["PATH_INFO"] == "/held" and not Path(os.environ["HELD"]).exists():
        time.sleep(0.02)
    start_response("201 Created", [("Content-Length", str(len(body)))])
    return [body]
