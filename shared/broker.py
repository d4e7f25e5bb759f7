"""How every client of ours comes to Kafka, and what it says when Kafka refuses it.

One place, so that no producer, consumer or administrator's client goes without the user and password that the settings
name. It opens no connection.
"""

from __future__ import annotations

from typing import Any

from kafka.errors import AuthorizationError

from shared.settings import Settings

MECHANISM = "SCRAM-SHA-512"


def connection(settings: Settings) -> dict[str, Any]:
    """kafka-python's options for the address, and for who we are: to be given to any of its clients."""
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.kafka_bootstrap),
        "security_protocol": settings.kafka_security,
    }
    if settings.kafka_security != "PLAINTEXT":
        options |= {
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": settings.kafka_password,
        }
    if settings.kafka_ca_file:
        options["ssl_cafile"] = str(settings.kafka_ca_file)
    return options


def why(error: BaseException) -> dict[str, str]:
    """For a line of the log: the kind of the error, and of a refusal what was `refused`.

    That is the name of a topic or of a group, which the error holds; the text of other errors may quote anything.
    """
    said = {"error": type(error).__name__}
    if isinstance(error, AuthorizationError):
        what = error.args[0] if error.args else type(error).__name__.removesuffix("AuthorizationFailedError")
        said["refused"] = ", ".join(sorted(what)) if isinstance(what, set | frozenset) else str(what)
    elif "InitProducerIdResponse: [Error 31]" in str(error):
        # A producer that may write no topic at all: kafka-python 3.0.12 wraps what the broker answers.
        said["refused"] = "any writing"
    return said
