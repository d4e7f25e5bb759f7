"""A field declared nowhere cannot be stored: every text that a service takes is sealed, a code, or about staff (11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deploy import processes
from shared import domain
from shared.domain.identifying import OWNERS
from shared.settings import SERVICES
from tests.support import web

#: Texts that people type and the vault seals: where they come in -> the field under which they are sealed.
SEALED = {
    "AttachmentFile.file": "attachment.content",
    "NewReport.narrative": "report.narrative",
    "Redaction.narrative": "report.narrative",
    "Reporter.name": "report.reporter_name",
    "Reporter.phone": "report.reporter_phone",
    "Workplace.name": "report.workplace_name",
    "Workplace.address": "report.workplace_address",
    "Transfer.office": "report.transfer_office",
    "Transfer.reference": "report.transfer_reference",
    "Child.name": "person.name",
    "Child.alias": "person.alias",
    "Child.nik": "person.nik",
    "Child.guardian_name": "person.guardian_name",
    "Child.guardian_phone": "person.guardian_phone",
    "Child.address": "person.address",
    "Child.school": "person.school",
    "CorrectedChild.name": "person.name",
    "CorrectedChild.alias": "person.alias",
    "CorrectedChild.nik": "person.nik",
    "CorrectedChild.guardian_name": "person.guardian_name",
    "CorrectedChild.guardian_phone": "person.guardian_phone",
    "CorrectedChild.address": "person.address",
    "CorrectedChild.school": "person.school",
}
#: Texts about agencies, companies and staff, kept in the open by directory and notifications, and why that is right.
IN_THE_OPEN = {
    "AgencyFacts.name": "an agency",
    "AgencyFacts.phone": "an agency's switchboard",
    "AgencyFacts.email": "an agency's address",
    "AgencyChange.name": "an agency",
    "AgencyChange.phone": "an agency's switchboard",
    "AgencyChange.email": "an agency's address",
    "CompanyFacts.name": "a company",
    "CompanyChange.name": "a company",
    "PersonFacts.name": "staff",
    "PersonFacts.email": "staff",
    "PersonChange.name": "staff",
    "PersonChange.email": "staff",
    "AccountFacts.password": "kept as argon2id only",  # pragma: allowlist secret
    "AccountChange.password": "kept as argon2id only",  # pragma: allowlist secret
    "Credentials.email": "compared, not kept",
    "Credentials.password": "compared, not kept",  # pragma: allowlist secret
    "Answer.challenge": "compared by its hash, not kept",
    "Answer.code": "compared, not kept",
    "NewPassword.code": "compared by its hash, not kept",
    "NewPassword.password": "kept as argon2id only",  # pragma: allowlist secret
    "NewSubscription.agency_id": "looked up among the agencies",
    "NewSubscription.url": "the address of a partner's program",
    "Wanted.name": "compared with what is sealed, not kept",
    "Wanted.guardian_name": "compared with what is sealed, not kept",
    "NewGrant.case_number": "a case's number: looked up, not kept",
    "Erasure.also": "numbers of reports: compared, not kept",
    "Order.subject": "a word of the workflow, or an id: the engine refuses every other",
    "SubscriptionChange.url": "the address of a partner's program",
}


def free_texts(service: str, directory: Any) -> Iterator[str]:
    """`Schema.field` of every text that a service takes in a body and that is neither a code nor an id nor a date."""
    app = processes.module(service, "app").create_app(web.foundation(directory, service))
    document = app.test_client().get(f"/{service}/openapi.json").json
    assert document is not None
    schemas = document["components"]["schemas"]
    waiting, seen = [], set()
    for path in document["paths"].values():
        for operation in path.values():
            body = operation.get("requestBody", {}) if isinstance(operation, Mapping) else {}
            waiting += list(_references(body))
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += list(_references(schemas[name]))
        for field, described in schemas[name].get("properties", {}).items():
            if _is_free_text(described):
                yield f"{name}.{field}"


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if "$ref" in part:
            yield str(part["$ref"]).rsplit("/", 1)[1]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _is_free_text(described: Mapping[str, Any]) -> bool:
    if described.get("type") == "array":
        return _is_free_text(described["items"])
    kinds = described.get("type")
    is_text = "string" in kinds if isinstance(kinds, list) else kinds == "string"
    is_code = "enum" in described or described.get("format") in ("date", "date-time")
    is_id = str(described.get("pattern", "")).endswith("[0-9a-f]{32}\\Z")
    return is_text and not is_code and not is_id and not described.get("readOnly")


@pytest.mark.parametrize("service", SERVICES)
def test_every_text_that_a_service_takes_is_sealed_or_named_here(service: str, tmp_path) -> None:
    """Seen to fail with a new `note = fields.String()` in the schema of a command."""
    undeclared = sorted(set(free_texts(service, tmp_path)) - set(SEALED) - set(IN_THE_OPEN))
    assert undeclared == [], (
        "declare it in shared/domain/identifying.yaml and seal it, or say here why it identifies nobody"
    )


def test_what_is_named_here_is_still_taken(tmp_path) -> None:
    taken = {text for service in SERVICES for text in free_texts(service, tmp_path)}
    assert sorted((set(SEALED) | set(IN_THE_OPEN)) - taken) == []


def test_what_is_sealed_is_declared() -> None:
    declared = {f"{owner}.{field}" for owner in OWNERS for field in domain.identifying_fields(owner)}
    assert set(SEALED.values()) <= declared
