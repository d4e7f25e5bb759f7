"""The reverse proxy's configuration, made from shared/web/routes.yaml so that it never differs from the front door.

`python -m deploy.docker.proxy` rewrites nginx.conf; `--check` tells whether it is current. nginx changes the session
into a five-minute token by a sub-request to directory, as deploy/front_door.py does on one machine.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shared.web.routes import LANGUAGES, routes

FILE = Path(__file__).with_name("nginx.conf")
TEMPLATE = Path(__file__).with_name("nginx.conf.in")
INDENT = " " * 4
IDLE_SECONDS = 1
"""Of a connection to a service, until nginx closes it: sooner than gunicorn does, also when it is told to end. Else a
POST might be sent into a connection that is being closed, and nobody could know whether it was carried out.
"""


def render() -> str:
    """The whole configuration."""
    upstreams = "\n".join(
        f"{INDENT}upstream {service} {{ zone {service} 64k; server web-{service}:8000 resolve max_fails=0; "
        f"keepalive 16; keepalive_timeout {IDLE_SECONDS}s; }}"
        for service in routes()
    )
    return TEMPLATE.read_text().replace("@UPSTREAMS@", upstreams).replace("@LOCATIONS@", _locations())


def _locations() -> str:
    return "\n".join(
        f"{INDENT * 2}location ~ {pattern} {{ include /etc/nginx/{how}.conf; proxy_pass http://{service}; }}"
        for pattern, how, service in patterns()
    )


def patterns() -> list[tuple[str, str, str]]:
    """(regular expression of paths, "identified" or "static", service), the first match wins."""
    languages = "|".join(LANGUAGES)
    found = []
    for service, owned in routes().items():
        found.append((f"^/{service}/static/", "static", service))
        found.append((f"^/{service}(/|$)", "identified", service))
        found.append((f"^/({languages})/{service}(/|$)", "identified", service))
        if owned.api:
            found.append((f"^/api/v1/({'|'.join(owned.api)})(/|$)", "identified", service))
        pages = [page for page in owned.pages if page]
        if pages:
            found.append((f"^/({languages})/({'|'.join(pages)})(/|$)", "identified", service))
        if "" in owned.pages:
            found.append((f"^/({languages})/?$", "identified", service))
    return found


def main(arguments: list[str]) -> None:
    """Rewrites the file, or with --check exits with 1 when it is not current."""
    if arguments == ["--check"]:
        if not FILE.exists() or FILE.read_text() != render():
            sys.exit(f"{FILE} is not current: run python -m deploy.docker.proxy")
        return
    FILE.write_text(render())


if __name__ == "__main__":
    main(sys.argv[1:])
