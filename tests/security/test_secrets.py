"""No secret in the tree or in its history, and no start in production with one that is missing, short or known (18)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.potential_secret import PotentialSecret

from deploy.docker import secrets
from shared.settings import SERVICES

ROOT = Path(__file__).parents[2]
BASELINE = ROOT / ".secrets.baseline"
BY_ENTROPY = ("Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "IPPublicDetector")
"""Those that guess: what they find in the tree is weighed one by one in the baseline, which history has not."""

#: Put together here, so that this file is none of what it looks for.
PLANTED = {
    "AWS Access Key": "AK" + "IAQYLPMN5HHHFPZ2DK",  # pragma: allowlist secret
    "GitHub Token": "gh" + "p_wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx",  # pragma: allowlist secret
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "Basic Auth Credentials": "mongodb://root:" + "dT8sKx3Lq9Vb@db.example.go.id/",
}


def found(lines: Iterable[str]) -> set[str]:
    """Kinds and lines of the secrets that are known by their form, but for those that the baseline allows."""
    kinds = get_mapping_from_secret_type_to_class()
    plugins = [kind() for kind in kinds.values() if kind.__name__ not in BY_ENTROPY and hasattr(kind, "denylist")]
    known = json.loads(BASELINE.read_text())["results"].values()
    allowed = {entry["hashed_secret"] for entries in known for entry in entries}
    return {
        f"{plugin.secret_type}: {line[:40]}"
        for line in lines
        if "allowlist secret" not in line
        for plugin in plugins
        for secret in plugin.analyze_string(line)
        # (What is put in by a program is none.)
        if "{" not in secret and PotentialSecret.hash_secret(secret) not in allowed
    }


def history() -> Iterator[str]:
    """Every line that any commit has brought."""
    command = ["git", "log", "-p", "--no-color", "--no-ext-diff", "-U0", "HEAD", "--", ".", ":!*.txt", ":!*lock*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    lines = done.stdout.decode("utf-8", errors="replace").splitlines()
    return (line[1:] for line in lines if line.startswith("+") and not line.startswith("+++"))


def test_18_no_commit_ever_held_a_secret() -> None:
    """What was taken out again is still in every copy. Tried: a commit with a planted key, and one that removes it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a repository: a copy of the tree alone")
    assert not found(history())


@pytest.mark.parametrize("kind", PLANTED)
def test_18_a_planted_secret_is_found(kind: str) -> None:
    """A control of the test above: what finds nothing there finds these here. Seen to fail with a `found` that asks no
    plugin."""
    hit = found(["an ordinary line", f"key = {PLANTED[kind]}"])
    assert any(each.startswith(kind) for each in hit), hit


#: A role of each sort, and a service whose settings it reads first.
STARTS = {
    "web": ["web", "--service", "directory"],
    "relay": ["relay", "--service", "intake"],
    "worker": ["worker", "--service", "cases"],
    "sender": ["sender"],
    "init": ["init"],
}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """All that production needs, with the secrets that `python -m deploy.docker.secrets` makes."""
    secrets.make(tmp_path)
    keys = tmp_path / "keys"
    return {
        "PATH": os.environ["PATH"],
        "RUJUKAN_ENVIRONMENT": "production",
        "RUJUKAN_BASE_URL": "https://rujukan.example.go.id",
        "MONGODB_URI": "mongodb://127.0.0.1:9/?replicaSet=rujukan&serverSelectionTimeoutMS=100",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "KAFKA_SECURITY": "SASL_PLAINTEXT",
        "RUJUKAN_TOKEN_PRIVATE_KEY_FILE": str(keys / "token-private.json"),
        "RUJUKAN_TOKEN_PUBLIC_KEY_FILE": str(keys / "token-public.json"),
        "RUJUKAN_VAULT_KEY_FILE": str(keys / "vault" / "vault.json"),
        "RUJUKAN_AUDIT_KEY_FILE": str(keys / "audit-private.pem"),
        "RUJUKAN_AUDIT_HEADS": str(tmp_path / "audit-heads"),
        **{
            name: (tmp_path / secrets.file_name(name)).read_text() for name in secrets.variables() if "ROOT" not in name
        },
    }


BAD: dict[str, Callable[[dict[str, str], str], dict[str, str]]] = {
    "missing": lambda environ, name: {key: value for key, value in environ.items() if key != name},
    "short": lambda environ, name: {**environ, name: "q8Zt3vX1mN7"},
    "default": lambda environ, name: {**environ, name: "changeme" * 5},
    "of development": lambda environ, name: {**environ, name: "development only, do not use it"},
}


#: Every sort of process with one, and one of them with every one.
TRIED = [*((role, "default", "SECRET_KEY") for role in STARTS), *(("relay", bad, "SECRET_KEY") for bad in BAD)]
TRIED += [("relay", "short", "MONGODB_PASSWORD"), ("relay", "missing", "KAFKA_PASSWORD")]


@pytest.mark.parametrize(("role", "bad", "kind"), sorted(set(TRIED)))
def test_18_production_does_not_start_with_a_bad_secret(
    environ: dict[str, str], role: str, bad: str, kind: str
) -> None:
    """Tried: `strict` False in `secret`."""
    words = STARTS[role]
    service = words[2] if len(words) > 1 else {"sender": "notifications", "init": SERVICES[0]}[role]
    name = f"RUJUKAN_{service.upper()}_{kind}"
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "run", *words],
        env=BAD[bad](environ, name), cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode not in (0, -9), done.stdout[-500:]
    assert name in done.stdout + done.stderr, (done.stdout + done.stderr)[-800:]
