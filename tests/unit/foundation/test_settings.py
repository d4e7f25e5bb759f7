"""A process that lacks a secret does not start outside local mode, and says which variable it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.broker import connection
from shared.settings import SettingsError, load

GOOD = {
    "RUJUKAN_ENVIRONMENT": "production",
    "MONGODB_URI": "mongodb://db/?replicaSet=rujukan",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092, kafka-2:9092",
    "RUJUKAN_INTAKE_MONGODB_PASSWORD": "q8Zt3vX1mN7kR5wP2sL9dF4gH6jB0cYa",
    "RUJUKAN_INTAKE_SECRET_KEY": "Zx9Lk2Vb7Nm4Qw1Er6Ty3Ui8Op5As0Df",
    "RUJUKAN_TOKEN_PUBLIC_KEY_FILE": "/keys/public.pem",
    "RUJUKAN_VAULT_KEY_FILE": "/keys/vault.json",
    "RUJUKAN_AUDIT_KEY_FILE": "/keys/audit.pem",
    "RUJUKAN_AUDIT_HEADS": "/elsewhere/audit-heads",
}
LOCAL = {**GOOD, "RUJUKAN_ENVIRONMENT": "local", "RUJUKAN_INTAKE_SECRET_KEY": "short"}


def test_settings_are_read_once_and_typed() -> None:
    settings = load("intake", GOOD)
    assert settings.kafka_bootstrap == ("kafka-1:9092", "kafka-2:9092")
    assert settings.vault_key_file == Path("/keys/vault.json")
    assert not settings.local and not settings.demonstration


@pytest.mark.parametrize(
    "name",
    ["MONGODB_URI", "KAFKA_BOOTSTRAP_SERVERS", "RUJUKAN_INTAKE_MONGODB_PASSWORD", "RUJUKAN_INTAKE_SECRET_KEY",
     "RUJUKAN_TOKEN_PUBLIC_KEY_FILE", "RUJUKAN_VAULT_KEY_FILE", "RUJUKAN_AUDIT_KEY_FILE", "RUJUKAN_AUDIT_HEADS"],
)  # fmt: skip
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load("intake", {key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize("value", ["2short2", "a" * 40, "change-me-change-me-change-me-change-me", "development" * 4])
@pytest.mark.parametrize("name", ["RUJUKAN_INTAKE_MONGODB_PASSWORD", "RUJUKAN_INTAKE_SECRET_KEY"])
def test_a_short_or_well_known_secret_is_refused_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        load("intake", {**GOOD, name: value})
    assert value not in str(refused.value)
    assert load("intake", {**LOCAL, name: value}).local


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(GOOD["RUJUKAN_INTAKE_SECRET_KEY"] + "\n")
    environ = {key: value for key, value in GOOD.items() if key != "RUJUKAN_INTAKE_SECRET_KEY"}
    settings = load("intake", {**environ, "RUJUKAN_INTAKE_SECRET_KEY_FILE": str(file)})
    assert settings.secret_key == file.read_text().strip()


MAIL = {"RUJUKAN_SMTP": "mail.example.go.id:587", "RUJUKAN_SMTP_SENDER": "rujukan@example.go.id"}
DIRECTORY = {
    **{name.replace("_INTAKE_", "_DIRECTORY_"): value for name, value in GOOD.items()},
    "RUJUKAN_TOKEN_PRIVATE_KEY_FILE": "/keys/private.pem",
}


def test_the_mail_server_is_directorys_alone_and_none_without_an_address() -> None:
    known = {"RUJUKAN_SMTP_USER": "rujukan", "RUJUKAN_SMTP_PASSWORD": "from the provider"}  # pragma: allowlist secret
    mail = load("directory", {**DIRECTORY, **MAIL, **known}).mail
    assert mail is not None
    assert (mail.host, mail.port, mail.security, mail.user) == ("mail.example.go.id", 587, "starttls", "rujukan")
    assert "from the provider" not in repr(mail)
    assert load("directory", {**DIRECTORY, **MAIL, "RUJUKAN_SMTP": ""}).mail is None
    assert load("intake", {**GOOD, **MAIL}).mail is None


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("RUJUKAN_SMTP", {"RUJUKAN_SMTP": "mail.example.go.id"}),
        ("RUJUKAN_SMTP_SENDER", {"RUJUKAN_SMTP_SENDER": ""}),
        ("RUJUKAN_SMTP_SENDER", {"RUJUKAN_SMTP_SENDER": "Rujukan"}),
        ("RUJUKAN_SMTP_SECURITY", {"RUJUKAN_SMTP_SECURITY": "ssl"}),
        ("RUJUKAN_SMTP_PASSWORD", {"RUJUKAN_SMTP_USER": "rujukan"}),
        ("RUJUKAN_SMTP_PASSWORD", {"RUJUKAN_SMTP_USER": "rujukan", "RUJUKAN_SMTP_PASSWORD": ""}),
        (
            "RUJUKAN_SMTP_USER",
            {"RUJUKAN_SMTP_USER": "rujukan", "RUJUKAN_SMTP_PASSWORD": "x", "RUJUKAN_SMTP_SECURITY": "none"},
        ),
    ],
)
def test_a_mail_server_that_cannot_be_used_refuses_the_start(name: str, changes: dict[str, str]) -> None:
    """Seen to accept a password over an open line without the question for `none`."""
    with pytest.raises(SettingsError, match=name):
        load("directory", {**DIRECTORY, **MAIL, **changes})


def test_secrets_are_not_printed() -> None:
    text = repr(load("intake", GOOD))
    assert GOOD["RUJUKAN_INTAKE_SECRET_KEY"] not in text and GOOD["RUJUKAN_INTAKE_MONGODB_PASSWORD"] not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [("RUJUKAN_ENVIRONMENT", "staging"), ("RUJUKAN_BASE_URL", "rujukan"), ("RUJUKAN_DEMONSTRATION", "perhaps"),
     ("RUJUKAN_FAILPOINTS", "relay.published=kill"), ("RUJUKAN_FAILPOINTS", "relay.published=raise"),
     ("RUJUKAN_CLOCK_FILE", "/tmp/clock"), ("RUJUKAN_BATCH_SECONDS", "0"), ("RUJUKAN_BATCH_SECONDS", "1.5")],
)  # fmt: skip
def test_what_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load("intake", {**GOOD, name: value})


DIRECTORY = {
    **GOOD,
    "RUJUKAN_DIRECTORY_MONGODB_PASSWORD": "q8Zt3vX1mN7kR5wP2sL9dF4gH6jB0cYa",
    "RUJUKAN_DIRECTORY_SECRET_KEY": "Zx9Lk2Vb7Nm4Qw1Er6Ty3Ui8Op5As0Df",
    "RUJUKAN_TOKEN_PRIVATE_KEY_FILE": "/keys/private.pem",
}
PROVIDER = {
    "RUJUKAN_OIDC_ISSUER": "https://login.example.go.id/realms/city",
    "RUJUKAN_OIDC_CLIENT_ID": "rujukan",
    "RUJUKAN_OIDC_CLIENT_SECRET": "Hw3Kq8Zt1Vb6Nm2Xr9Ly4Ui7Op5As0Dc",  # pragma: allowlist secret
}


def test_a_provider_is_directory_s_alone_and_none_is_none() -> None:
    found = load("directory", {**DIRECTORY, **PROVIDER, "RUJUKAN_OIDC_STRONG": "amr=mfa acr=2"})
    assert (found.oidc_issuer, found.oidc_name) == (PROVIDER["RUJUKAN_OIDC_ISSUER"], "login.example.go.id")
    assert found.oidc_strong == ("amr=mfa", "acr=2")
    assert PROVIDER["RUJUKAN_OIDC_CLIENT_SECRET"] not in repr(found)
    assert load("directory", DIRECTORY).oidc_issuer is None
    intakes = load("intake", {**GOOD, **PROVIDER})
    assert (intakes.oidc_issuer, intakes.oidc_client_secret) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RUJUKAN_OIDC_ISSUER", "http://login.example.go.id"), ("RUJUKAN_OIDC_ISSUER", "login.example.go.id"),
     ("RUJUKAN_OIDC_CLIENT_ID", ""), ("RUJUKAN_OIDC_CLIENT_SECRET", "short"),
     ("RUJUKAN_OIDC_CLIENT_SECRET", "a" * 40), ("RUJUKAN_OIDC_STRONG", "mfa")],
)  # fmt: skip
def test_half_a_provider_is_refused(name: str, value: str) -> None:
    """Removed: the look at the scheme, the strictness of the secret, the form of the words: each was taken."""
    with pytest.raises(SettingsError, match=name):
        load("directory", {**DIRECTORY, **PROVIDER, name: value})


def test_an_unknown_service_is_named() -> None:
    with pytest.raises(SettingsError, match="intakes"):
        load("intakes", GOOD)


SERVER = {
    **{name: value for name, value in GOOD.items() if name != "RUJUKAN_VAULT_KEY_FILE"},
    "RUJUKAN_VAULT_KEY_SERVER": "https://bao.example.go.id:8200/",
    "RUJUKAN_SEARCH_KEY_FILE": "/keys/search.key",
    "RUJUKAN_VAULT_KEY_TOKEN_FILE": "/run/token",
}


def test_the_vaults_key_is_in_a_file_or_in_a_server() -> None:
    found = load("intake", SERVER)
    assert found.vault_key_file is None and found.vault_key_server is not None
    assert (found.vault_key_server.url, found.vault_key_server.mount, found.vault_key_server.name) == (
        "https://bao.example.go.id:8200",
        "transit",
        "rujukan",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUJUKAN_VAULT_KEY_FILE", "/keys/vault.json"),
        ("RUJUKAN_VAULT_KEY_SERVER", "http://bao.example.go.id:8200"),
        ("RUJUKAN_VAULT_KEY_NAME", "rujukan"),
        ("RUJUKAN_VAULT_KEY_NAME", "transit/../sys"),
        ("RUJUKAN_VAULT_KEY_TOKEN_FILE", ""),
        ("RUJUKAN_SEARCH_KEY_FILE", ""),
    ],
)
def test_a_key_server_that_cannot_be_meant_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load("intake", {**SERVER, name: value})


KAFKA = {"KAFKA_SECURITY": "SASL_SSL", "RUJUKAN_INTAKE_KAFKA_PASSWORD": GOOD["RUJUKAN_INTAKE_SECRET_KEY"][::-1]}


def test_a_kafka_that_asks_is_told_who_comes(tmp_path: Path) -> None:
    settings = load("intake", {**GOOD, **KAFKA, "KAFKA_CA_FILE": "/keys/ca.pem"})
    found = connection(settings)
    assert (found["security_protocol"], found["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("intake", settings.kafka_password)
    assert found["ssl_cafile"] == "/keys/ca.pem"
    assert settings.kafka_password not in repr(settings)
    assert set(connection(load("intake", GOOD))) == {"bootstrap_servers", "security_protocol"}
    file = tmp_path / "password"
    file.write_text(KAFKA["RUJUKAN_INTAKE_KAFKA_PASSWORD"] + "\n")
    by_file = {"KAFKA_SECURITY": "SASL_SSL", "RUJUKAN_INTAKE_KAFKA_PASSWORD_FILE": str(file)}
    assert load("intake", {**GOOD, **by_file}).kafka_password == settings.kafka_password


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"KAFKA_SECURITY": "TLS"}, "KAFKA_SECURITY"),
     ({"RUJUKAN_INTAKE_KAFKA_PASSWORD": "short"}, "RUJUKAN_INTAKE_KAFKA_PASSWORD"),
     ({"KAFKA_SECURITY": "SASL_PLAINTEXT", "KAFKA_CA_FILE": "/keys/ca.pem"}, "KAFKA_CA_FILE")],
)  # fmt: skip
def test_a_way_to_kafka_that_is_none_is_named(changed: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load("intake", {**GOOD, **KAFKA, **changed})
