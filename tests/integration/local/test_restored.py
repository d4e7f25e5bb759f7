"""`rujukan restored` and `republish` where nothing runs: mongod is started for the command alone, and ends with it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from deploy import database_users
from deploy.cli.main import app
from deploy.local import alone, mongod, secrets
from deploy.local.state import State

pytestmark = pytest.mark.mongo


def test_an_instance_at_rest_is_told_that_it_was_restored(tmp_path: Path):
    place = State(tmp_path / "state")
    with alone.database(place) as environ:
        passwords = secrets.ensure(place.directory)
        client = mongod.administrator(urlsplit(environ["MONGODB_URI"]).port or 0, passwords[secrets.ROOT_PASSWORD])
        database_users.ensure(client, secrets.passwords(passwords), "")
        client["intake"]["journal"].insert_one({"_id": "entry", "sequence": 1})
        client["intake"]["journal"].create_index("sequence", name="pending")
        client.close()
        assert environ["RUJUKAN_ENVIRONMENT"] == "local"

    def say(*arguments: str):
        return CliRunner().invoke(app, [*arguments, "--state", str(place.directory)])

    done = say("restored", "intake", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["service"], found["entries"]) == ("intake", 1) and found["epoch"] > 1
    assert json.loads(say("republish", "intake", "--json").stdout) == {"service": "intake", "entries": 0}
    with place.hold():
        refused = say("restored", "intake")
        assert refused.exit_code == 1
        assert "Stop it first" in refused.output
    assert not place.held()
