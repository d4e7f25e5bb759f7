"""Every route of every service, as its application has it: what tests are generated from, so that a new one is in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from flask import Flask

from deploy import processes
from shared.access.web import declared_action
from shared.settings import SERVICES
from tests.support import web


@dataclass(frozen=True)
class Route:
    """One method of one address. `name` has `<id>` where the address names something."""

    service: str
    method: str
    name: str
    action: str | None

    @property
    def path(self) -> str:
        """An address that leads there."""
        return self.name.replace("<id>", "report-" + "0" * 32)

    @property
    def is_page(self) -> bool:
        return self.name.startswith("/id/")

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


@cache
def apps() -> Mapping[str, Flask]:
    """The application of every service, without a database."""
    directory = Path(mkdtemp(prefix="rujukan-test-"))
    made = {
        service: processes.module(service, "app").create_app(web.foundation(directory, service)) for service in SERVICES
    }
    for app in made.values():
        app.config["PROPAGATE_EXCEPTIONS"] = False
    return made


def routes() -> Iterator[Route]:
    """All of them, without files that never change."""
    for service, app in apps().items():
        for rule in app.url_map.iter_rules():
            if rule.endpoint == "static" or rule.endpoint.endswith(".static"):
                continue
            name = re.sub(r"<[^>]*>", "<id>", rule.rule.replace("<lang:lang>", "id"))
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                action = declared_action(app.view_functions[rule.endpoint], method)
                yield Route(service, method, name, action)
