"""A process that lacks a secret does not start outside local mode, and says which variable it is."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_an_unknown_service_is_named() -> None:
    with pytest.raises(SettingsError, match="intakes"):
        load("intakes", GOOD)
