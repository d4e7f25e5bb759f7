"""The real servers of the tests and of `make up`: started, killed, guarded."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pymongo
import pytest
from kafka import KafkaAdminClient

from deploy.database_users import ADMINISTRATOR
from deploy.local import kafka as kafka_server
from deploy.local import secrets
from deploy.local.ports import wait_until
from shared.settings import SERVICES
from tests.support.servers import Kafka, Mongo

NOT_AUTHORIZED = 13
"""MongoDB's code for what a user may not do."""


def as_service(mongo: Mongo, service: str, prefix: str) -> pymongo.MongoClient:
    environ = mongo.settings_environ(service, prefix)
    return pymongo.MongoClient(mongo.uri, username=service, password=environ[secrets.password_variable(service)])


@pytest.mark.mongo
def test_what_was_written_outlives_a_killed_mongod(mongo, database):
    database.reports.insert_one({"_id": "report-1"})
    mongo.kill()
    assert not mongo.alive
    mongo.start()
    assert database.reports.find_one() == {"_id": "report-1"}


@pytest.mark.mongo
def test_what_a_client_left_half_done_does_not_lock_others_out_for_a_minute(mongo, database):
    """A client that was killed, or cut off, in a transaction: whoever repeats its command waits for mongod to give that
    up. Found by a campaign: with mongod's own limit the repetition was answered 503 for 60 s."""
    with (
        pymongo.MongoClient(mongo.uri, username=ADMINISTRATOR, password=mongo.root_password) as left_behind,
        left_behind.start_session() as session,
    ):
        database.create_collection("commands")
        session.start_transaction()
        left_behind[database.name].commands.insert_one({"_id": "key-1"}, session=session)

        def repeated() -> bool:
            with database.client.start_session() as own:
                try:
                    own.with_transaction(
                        lambda s: database.commands.update_one({"_id": "key-1"}, {"$set": {"n": 1}}, True, session=s)
                    )
                except pymongo.errors.PyMongoError:
                    return False
                return True

        with pymongo.timeout(45):
            assert repeated()


#: Whose rooms a service enters beside its own.
VAULT_IS_FOR = ("intake", "cases")


@pytest.mark.mongo
@pytest.mark.parametrize("service", SERVICES)
def test_a_database_user_reaches_its_own_rooms_only(mongo, prefix, service):
    """Each service at each other one's database, at the vault and at MongoDB's own. Seen to fail with
    `readWriteAnyDatabase` among a service's roles, with the vault open to reporting, and closed to cases."""
    open_to_it = {service, *(["vault"] if service in VAULT_IS_FOR else [])}
    with as_service(mongo, service, prefix) as client:
        for room in (*SERVICES, "vault"):
            things = client[f"{prefix}{room}"].things
            if room in open_to_it:
                things.insert_one({"_id": service})
                assert things.find_one() == {"_id": service}
                things.delete_one({"_id": service})
                continue
            for forbidden in (
                things.find_one,
                lambda things=things: things.insert_one({"_id": service}),
                lambda things=things: things.update_one({}, {"$set": {"a": 1}}, upsert=True),
                lambda things=things: things.delete_many({}),
                things.drop,
                lambda things=things: list(things.aggregate([{"$out": "others"}])),
            ):
                refused(forbidden, f"{service} at {room}")
        own = client[f"{prefix}{service}"].things
        own.insert_one({"_id": 1})
        try:
            for room in {*SERVICES, "vault", "audit"} - open_to_it:
                refused(lambda room=room: list(own.aggregate([{"$out": {"db": f"{prefix}{room}", "coll": "x"}}])), room)
        finally:
            own.delete_many({})
        refused(client.admin.system.users.find_one, "the users")
        refused(client["local"]["oplog.rs"].find_one, "what everybody wrote")


def refused(command, where):
    """Fails unless the database says that this user may not."""
    with pytest.raises(pymongo.errors.OperationFailure) as answer:
        command()
    assert answer.value.code == NOT_AUTHORIZED, f"{where}: {answer.value}"


@pytest.mark.mongo
@pytest.mark.parametrize("service", SERVICES)
def test_an_audit_entry_can_be_added_but_neither_changed_nor_removed(mongo, prefix, service):
    """Seen to fail with `remove` among the actions of AUDIT_ROLES, of the writer and of the reader."""
    with as_service(mongo, service, prefix) as client:
        audit = client[f"{prefix}audit"].entries
        audit.insert_one({"_id": 1, "reader": "account-1"})
        assert mongo.client()[f"{prefix}audit"].entries.count_documents({}) == 1
        for forbidden in (
            lambda: audit.update_one({"_id": 1}, {"$set": {"reader": "account-2"}}),
            lambda: audit.delete_one({"_id": 1}),
            lambda: audit.drop(),
            lambda: audit.rename("others"),
            lambda: audit.create_index("at", expireAfterSeconds=1),
        ):
            refused(forbidden, f"{service} at the audit log")


@pytest.mark.mongo
def test_only_directory_reads_the_audit_log(mongo, prefix):
    """Seen to fail with `find` among the actions of the audit log's writer."""
    for service in SERVICES:
        with as_service(mongo, service, prefix) as client:
            audit = client[f"{prefix}audit"].entries
            if service == "directory":
                assert audit.find_one() is None
            else:
                refused(audit.find_one, f"{service} at the audit log")


@pytest.mark.mongo
def test_nobody_gets_in_without_a_password(mongo):
    with pymongo.MongoClient(mongo.uri) as client, pytest.raises(pymongo.errors.OperationFailure):
        client.admin.list_collection_names()


@pytest.mark.kafka
def test_topics_outlive_a_killed_broker(kafka: Kafka, prefix: str):
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap) as admin:
        admin.create_topics({f"{prefix}reports": {"num_partitions": 2, "replication_factor": 1}})
    kafka.kill()
    kafka.start()
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap) as admin:
        wait_until(lambda: f"{prefix}reports" in admin.list_topics(), 10, "the topic")


@pytest.mark.kafka
def test_a_paused_broker_does_not_answer_and_a_resumed_one_does(kafka: Kafka):
    kafka.pause()
    try:
        assert not kafka_server.answers(kafka.bootstrap, milliseconds=500)
    finally:
        kafka.resume()
    wait_until(lambda: kafka_server.answers(kafka.bootstrap), 20, "Kafka after a pause")


def test_a_forged_jar_is_refused_with_one_line_that_names_it(tmp_path: Path):
    kafka_server.fetch()
    jars = tmp_path / "kafka"
    for part in ("jars", "modules"):
        (jars / part).mkdir(parents=True)
        for jar in (kafka_server.JARS / part).glob("*.jar"):
            (jars / part / jar.name).symlink_to(jar)
    kafka_server.check(jars)
    # In modules/ or in jars/: where no Java is installed, fewer jars are known to be modules.
    victim = next(jars.rglob("kafka-clients-*.jar"))
    content = victim.read_bytes()
    victim.unlink()
    victim.write_bytes(content[:-1] + b"x")
    with pytest.raises(kafka_server.FetchError) as refused:
        kafka_server.check(jars)
    assert victim.name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_cluster_s_id_is_never_taken_for_an_option():
    # One in sixty-four random ids begins with a hyphen.
    assert not [found for found in (kafka_server.new_cluster_id() for _ in range(2000)) if found.startswith("-")]


def test_an_extra_jar_is_refused(tmp_path: Path):
    kafka_server.fetch()
    jars = tmp_path / "kafka"
    for part in ("jars", "modules"):
        (jars / part).mkdir(parents=True)
        for jar in (kafka_server.JARS / part).glob("*.jar"):
            (jars / part / jar.name).symlink_to(jar)
    (jars / "jars" / "evil-1.0.jar").write_bytes(b"")
    with pytest.raises(kafka_server.FetchError, match=r"evil-1\.0\.jar"):
        kafka_server.check(jars)


def test_servers_end_with_a_test_run_that_is_killed(tmp_path: Path):
    script = f"""
import time, pathlib
from tests.support.servers import Mongo
server = Mongo(pathlib.Path({str(tmp_path)!r})).start()
print(server.process.pid, flush=True)
time.sleep(60)
"""
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        pid = int(run.stdout.readline())
        assert psutil.pid_exists(pid)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", 5, "mongod's end")


def test_secrets_are_readable_by_their_owner_only_and_stay(tmp_path: Path):
    first = secrets.ensure(tmp_path / "state")
    file = tmp_path / "state" / secrets.FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert secrets.ensure(tmp_path / "state") == first
    assert len(set(first.values())) == len(first)
