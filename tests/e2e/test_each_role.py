"""Each role sends what comes to mind to every operation: no server error, an answer that the document knows, refusals
as problems, and no identity for whom it is closed to (schemathesis; seeded, with --long longer and by a
fresh seed, which a failure shows).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.local.state import ROOT
from shared import domain
from shared.access import ROLES
from shared.settings import SERVICES
from tests.e2e.test_contracts import CONFIGURATION, LEFT_OUT, SEED
from tests.support.canary import PERSON, Canary
from tests.support.examples import fresh_seed
from tests.support.stack import ACCOUNTS, Stack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]
CHECKS = (
    "not_a_server_error,status_code_conformance,success_is_documented,content_type_conformance,"
    "response_schema_conformance,negative_data_rejection,nothing_closed_is_shown"
)


@pytest.fixture(scope="module")
def canary() -> Canary:
    return Canary()


@pytest.fixture(scope="module")
def places(stack: Stack, canary: Canary) -> Mapping[str, Mapping[str, str]]:
    """For each service, under which name in a path the canary's record is found, and its number."""
    made = stack.client("intake_clerk").register(canary.report())
    assert made.status == 201, made.data
    number = made.json()["number"]
    database = stack.database()
    report = database["intake"]["reports"].find_one({"number": number})
    assert report is not None
    case = wait_for(lambda: database["cases"]["cases"].find_one({"report_id": report["_id"]}), "its case", 60)
    return {"intake": {"reference": number}, "cases": {"reference": case["case_number"]}}


def closed(role: str, canary: Canary) -> str:
    """A pattern of the canaries that may not be shown to the role, by the file of declarations alone. (No referral
    opens anything here.)
    """
    known = {**domain.identifying_fields("person"), **domain.identifying_fields("report")}
    fields = {name for name in (*PERSON, *domain.identifying_fields("report")) if role not in known[name].readers}
    return "|".join(re.escape(canary.value(field)) for field in sorted(fields)) or r"(?!)"


def fuzz(
    stack: Stack, service: str, examples: int, directory: Path, canary: Canary, places: Any, seed: int = SEED
) -> list[Any]:
    """What was reached, as [role, operation, status]. Fails with what schemathesis says."""
    told = directory / "told.json"
    tokens = {role: stack.client(role).token for role in ROLES if role in ACCOUNTS}
    told.write_text(
        json.dumps(
            {
                "tokens": tokens,
                "closed": {role: closed(role, canary) for role in tokens},
                "places": places.get(service, {}),
            }
        )
    )
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION),
        "run", f"{stack.url}/{service}/openapi.json",
        "--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", str(examples), "--seed", str(seed),
        "--request-timeout", "30", "--no-color", "--warnings", "off", "--generation-database", "none", *LEFT_OUT,
    ]  # fmt: skip
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.e2e.each_role", "RUJUKAN_FUZZ": str(told)}
    environ["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory, env=environ)
    assert done.returncode == 0, f"seed {seed}: {done.stdout[-6000:]}{done.stderr[-2000:]}"
    return [json.loads(line) for line in told.with_suffix(".reached").read_text().splitlines()]


def check(reached: list[Any], service: str) -> None:
    """Every role has come to every operation; and where there is something to see, somebody has seen it."""
    roles = {role for role in ROLES if role in ACCOUNTS}
    by_operation: dict[str, set[str]] = {}
    for role, operation, _ in reached:
        by_operation.setdefault(operation, set()).add(role)
    missed = {operation: roles - found for operation, found in by_operation.items() if roles - found}
    assert not missed, "some roles have not come there"
    if service in ("intake", "cases"):
        opened = {role for role, operation, status in reached if operation.endswith("/identities") and status == 200}
        assert "case_worker" in opened, "the canary's record was not found, so nothing could be shown"
        # Nothing in it waits for a supervisor: to them it is closed.
        assert opened <= {"intake_clerk", "case_worker"}


@pytest.mark.parametrize("service", SERVICES)
def test_no_role_breaks_anything_or_sees_what_is_closed_to_it(
    stack: Stack, service: str, canary: Canary, places: Any, tmp_path: Path
) -> None:
    """Seen to fail with a `readable` that gives case workers all fields, and without the place of the canary."""
    check(fuzz(stack, service, 8, tmp_path, canary, places), service)


@pytest.mark.long
@pytest.mark.parametrize("service", SERVICES)
def test_for_long(stack: Stack, service: str, canary: Canary, places: Any, tmp_path: Path) -> None:
    check(fuzz(stack, service, 300, tmp_path, canary, places, fresh_seed()), service)
