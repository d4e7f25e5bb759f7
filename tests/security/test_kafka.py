"""Each service's user of Kafka may do what the service needs, and nothing more: the broker of docker-compose.yml, for
real.

What is expected is read from topics.yaml and from the services' own handlers, not from the rights that were given.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ConfigResource, ConfigResourceType
from kafka.admin import ResourcePattern as Resource
from kafka.admin import ResourceType as Kind
from kafka.errors import AuthorizationError
from structlog.testing import capture_logs

from deploy import broker_users, initialise, processes
from deploy.docker import secrets
from deploy.local.secrets import kafka_passwords
from shared import operations, relay, worker
from shared.access.actor import system_actor
from shared.broker import connection
from shared.events import Event, NewEvent, topics
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Unit
from shared.relay.publisher import Publisher
from shared.settings import SERVICES, Settings, SettingsError, load
from shared.worker import parking
from shared.worker.worker import group_of
from tests.support.events import example
from tests.support.locked_kafka import LockedKafka
from tests.support.servers import Mongo

pytestmark = [pytest.mark.mongo, pytest.mark.kafka, pytest.mark.timeout(300)]
NAMES = [topic.name for topic in topics.topics()]
SOON = 15_000
"""Milliseconds that a probe waits: an answer comes at once, also a refusal."""


@pytest.fixture(scope="module")
def broker(scratch: Path) -> Iterator[LockedKafka]:
    directory = scratch / "locked-kafka"
    directory.mkdir()
    server = LockedKafka(directory)
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def passwords(scratch: Path) -> dict[str, str]:
    """The variables that a container has: a file for each secret, as `python -m deploy.docker.secrets` makes them."""
    made = scratch / "locked-kafka-secrets"
    secrets.make(made)
    return {f"{name}_FILE": str(made / secrets.file_name(name)) for name in secrets.variables() if "_KAFKA_" in name}


Of = Callable[..., Settings]


@pytest.fixture(scope="module")
def of(mongo: Mongo, broker: LockedKafka, passwords: dict[str, str], usual_prefix: str) -> Of:
    """The settings of a service against that broker, after its one-shot has run, twice."""

    def make(service: str, **more: str) -> Settings:
        environ = mongo.settings_environ(service, usual_prefix, KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap)
        return load(service, {**environ, "KAFKA_SECURITY": "SASL_PLAINTEXT", **passwords, **more})

    environ = mongo.settings_environ("intake", usual_prefix, KAFKA_BOOTSTRAP_SERVERS=broker.inside, **passwords)
    environ = initialise.environment_with_files(environ)
    for _ in (1, 2):
        initialise.prepare_kafka(environ, lambda _: None)
    return make


@contextmanager
def inside(broker: LockedKafka, of: Of) -> Iterator[Any]:
    with topics.admin(replace(of("intake"), kafka_bootstrap=(broker.inside,), kafka_security="PLAINTEXT")) as client:
        yield client


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """kafka-python tries again for as long as it may, also where its password is wrong."""
    monkeypatch.setattr(topics, "ADMIN_TIMEOUT_MS", 2_000)


def written(settings: Settings, topic: str) -> bool:
    """Whether the user can write there. (Not idempotent: that would need a right to write anything first.)"""
    producer = KafkaProducer(**connection(settings), enable_idempotence=False, acks="all", max_block_ms=SOON)
    try:
        producer.send(settings.prefix + topic, b"{}", key=b"probe", partition=0).get(timeout=SOON / 1000)
    except AuthorizationError:
        return False
    finally:
        producer.close(timeout=1)
    return True


def has_read(settings: Settings, topic: str) -> bool:
    """Whether the user gets what lies there."""
    try:
        with topics.admin(settings) as client:
            topics.described(client, [settings.prefix + topic])
        with closing(KafkaConsumer(**connection(settings), auto_offset_reset="earliest")) as consumer:
            consumer.assign([TopicPartition(settings.prefix + topic, 0)])
            end = time.monotonic() + SOON / 1000
            while time.monotonic() < end:
                if consumer.poll(timeout_ms=200):
                    return True
    except AuthorizationError:
        return False
    raise AssertionError(f"{topic}: neither a record nor a refusal")


def sees_group(settings: Settings, group: str) -> bool:
    """Whether the user may ask for the group's offsets: the least of what can be done with a group."""
    try:
        with closing(KafkaConsumer(**connection(settings), group_id=group)) as consumer:
            consumer.committed(TopicPartition(settings.prefix + NAMES[0], 0), timeout_ms=SOON)
    except AuthorizationError as error:
        return "GroupAuthorization" not in type(error).__name__
    return True


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_writes_its_own_topic_only(service: str, of: Of) -> None:
    """Tried, and each failed here: WRITE on all topics in `rights_of`; `allow.everyone.if.no.acl.found`; the service
    among `super.users`; a right for `User:*`.
    """
    can = {name for name in NAMES if written(of(service), name)}
    assert can == {topic.name for topic in topics.topics() if topic.owner == service}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_only_what_it_handles(service: str, of: Of, broker: LockedKafka) -> None:
    """Tried: READ on all topics, or on the owner's topic beside WRITE."""
    with closing(KafkaProducer(bootstrap_servers=broker.inside)) as producer:
        for name in NAMES:
            producer.send(of(service).prefix + name, b"{}", partition=0).get(timeout=10)
    can = {name for name in NAMES if has_read(of(service), name)}
    assert can == set(processes.consumed(service))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_its_own_group_only(service: str, of: Of) -> None:
    """Tried: READ on groups by the prefix `rujukan.` instead of by the whole name."""
    groups = [group_of(of(service).prefix, name) for name in (*processes.consuming(), "another")]
    own = {group_of(of(service).prefix, service)} if processes.consumed(service) else set()
    assert {group for group in groups if sees_group(of(service), group)} == own


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_administers_nothing(service: str, of: Of) -> None:
    """Tried: ALL on its own topic, which lets it be deleted; ALTER on the cluster, which lets rights be given."""
    own = of(service).prefix + next((topic.name for topic in topics.topics() if topic.owner == service), NAMES[0])
    with topics.admin(of(service)) as client:
        with pytest.raises(AuthorizationError):
            client.create_topics({"planted": {"num_partitions": 1, "replication_factor": 1}})
        with pytest.raises(AuthorizationError):
            client.delete_topics([own])
        shorter = ConfigResource(ConfigResourceType.TOPIC, own, configs={"retention.ms": "1"})
        assert "AuthorizationFailed" in str(client.alter_configs([shorter], raise_on_unknown=False))
        with pytest.raises(AuthorizationError):
            client.describe_acls(broker_users.everything_of("intake"))
        assert client.create_acls(list(broker_users.rights_of("cases", of(service).prefix)))["failed"]
        with pytest.raises(broker_users.NotGiven):
            broker_users.ensure(client, {"intake": "x" * 40})
    producer = KafkaProducer(**connection(of(service)), transactional_id=f"rujukan.{service}", max_block_ms=SOON)
    with pytest.raises(AuthorizationError):
        producer.init_transactions()
    producer.close(timeout=1)


def test_a_right_that_is_too_wide_is_found_and_taken_away(broker: LockedKafka, of: Of, passwords: Any) -> None:
    """Tried: `ensure` without its deletion."""
    planted = ACL(
        broker_users.principal("intake"), "*", ACLOperation.ALL, ACLPermissionType.ALLOW, Resource(Kind.TOPIC, "*")
    )
    with inside(broker, of) as client:
        client.create_acls([planted])
        eventually(lambda: written(of("intake"), "cases.events"), "the right that was planted is there")
        broker_users.ensure(client, {"intake": of("intake").kafka_password or ""}, of("intake").prefix)
        eventually(lambda: not written(of("intake"), "cases.events"), "it was taken away")
    assert written(of("intake"), "intake.reports")


@pytest.mark.parametrize("how", ["no user", "another's password", "no user of ours"])
def test_who_is_not_known_is_not_let_in(how: str, of: Of, impatient: None) -> None:
    """Tried: the listener as PLAINTEXT."""
    settings = of("cases")
    match how:
        case "no user":
            settings = replace(settings, kafka_security="PLAINTEXT")
        case "another's password":
            settings = replace(settings, kafka_password=of("intake").kafka_password)
        case _:
            settings = replace(settings, kafka_user="somebody")
    with pytest.raises(topics.BrokerUnavailable, match=r"no Kafka answers|password"):
        topics.admin(settings)


def test_the_way_there_can_be_encrypted(broker: LockedKafka, of: Of, impatient: None) -> None:
    """Tried: SASL_SSL answered with an `ssl_context` that verifies nothing; `ssl_cafile` left out of `connection`."""
    where = {"KAFKA_SECURITY": "SASL_SSL", "KAFKA_BOOTSTRAP_SERVERS": broker.tls}
    known = of("intake", **where, KAFKA_CA_FILE=str(broker.ca_file))
    assert written(known, "intake.reports")
    with pytest.raises(topics.BrokerUnavailable):
        topics.admin(of("intake", **where))


def test_without_its_password_nothing_starts(of: Of) -> None:
    with pytest.raises(SettingsError, match="RUJUKAN_CASES_KAFKA_PASSWORD"):
        of("cases", RUJUKAN_CASES_KAFKA_PASSWORD_FILE="/nowhere")
    with pytest.raises(SettingsError, match="RUJUKAN_ROOT_KAFKA_PASSWORD"):
        initialise.kafka_administrator({"KAFKA_SECURITY": "SASL_SSL"})


@pytest.fixture
def product(of: Of) -> dict[str, Foundation]:
    made = {service: Foundation.start(of(service)) for service in SERVICES}
    for base in made.values():
        base.journal.ensure_indexes()
        parking.ensure_indexes(base.database)
    return made


def test_relays_publish_and_workers_handle(product: dict[str, Foundation]) -> None:
    """Every relay and every worker as it is, with the right to just that. Tried, and it waited in vain: each of the
    three rights of `rights_of` left out.
    """
    first = {"intake": "report.registered", "cases": "case.opened", "directory": "agency.registered"}
    first["notifications"] = "subscription.created"
    assert set(first) == set(processes.publishing()), "a service has come that publishes"
    streams = {service: new_id(name.partition(".")[0]) for service, name in first.items()}

    def handled(event: Event, unit: Unit) -> None:
        unit.update(unit.database["handled"], {"_id": event.stream}, {"$inc": {"times": 1}}, upsert=True)

    for service, stream in streams.items():
        kind = first[service]

        def work(unit: Unit, stream: str = stream, kind: str = kind) -> dict[str, Any]:
            unit.append(stream, 0, [NewEvent(kind, example(kind))])
            return {}

        product[service].journal.run(work, actor=system_actor("test"))

    def done() -> bool:
        return all(
            (product[service].database["handled"].find_one({"_id": streams[topic.owner]}) or {}).get("times") == 1
            for service in processes.consuming()
            for topic in topics.topics()
            if topic.name in processes.consumed(service)
        ) and not any(product[name].database["journal"].find_one({"pending": True}) for name in streams)

    with going() as start:
        for service in processes.publishing():
            start(lambda stop, service=service: relay.run(product[service], stop))
        for service in processes.consuming():
            handlers = dict.fromkeys(first.values(), handled)
            start(
                lambda stop, service=service, handlers=handlers: worker.run(
                    product[service], processes.consumed(service), handlers, stop
                )
            )
        eventually(done, "every event is published, marked and handled once")
    for service in processes.consuming():
        found = operations.service_status(product[service], processes.consumed(service))
        assert found["lag"] is not None and found["refused"] is None


def test_a_worker_that_is_refused_says_what_and_goes_on_when_it_is_given(
    product: dict[str, Foundation], broker: LockedKafka, of: Of
) -> None:
    """Tried: without `_ask_for_topics` kafka-python sees no partitions, and the worker says nothing, for ever."""
    reading = broker_users.rights_of("reporting", of("reporting").prefix)
    closed = of("reporting").prefix + "cases.events"
    taken = {acl for acl in reading if acl.resource_pattern.resource_name == closed}
    base = product["reporting"]
    with inside(broker, of) as client:
        client.delete_acls(broker_users.exactly(taken))
        try:
            eventually(lambda: not has_read(of("reporting"), "cases.events"), "the right is gone")
            status = operations.service_status(base, processes.consumed("reporting"))
            assert (status["lag"], status["refused"]) == (None, closed)
            with capture_logs() as logs, going() as start:
                start(lambda stop: worker.run(base, processes.consumed("reporting"), {}, stop))
                eventually(lambda: any(line["event"] == "kafka_refused" for line in logs), "it says so")
                client.create_acls(list(taken))
                eventually(lambda: any(line["event"] == "partitions_taken_up" for line in logs), "it goes on")
        finally:
            client.create_acls(list(taken))
    said = next(line for line in logs if line["event"] == "kafka_refused")
    assert (said["user"], said["refused"], said["log_level"]) == ("reporting", closed, "error")


def test_a_relay_that_is_refused_says_what(of: Of) -> None:
    """Tried: `why` without the name, which leaves the kind of the error alone."""
    entry = {"_id": new_id("event"), "stream": new_id("case")}
    for service, said in (("intake", of("intake").prefix + "cases.events"), ("reporting", "any writing")):
        publisher = Publisher(of(service), "cases.events")
        publisher._source = "cases"
        with capture_logs() as logs, pytest.MonkeyPatch.context() as patch:
            patch.setattr("shared.relay.publisher.encode", lambda *_: _Message())
            assert publisher.publish([entry]) == []
        publisher.close()
        assert [line["refused"] for line in logs if line["event"] == "outcomes_unknown"] == [said]


def test_who_tails_what_is_closed_is_told(of: Of) -> None:
    with pytest.raises(topics.BrokerUnavailable, match=r"refuses the user directory: .*cases\.events"):
        list(operations.tail(of("directory"), ["cases.events"], from_start=True, until_end=True))


def test_the_passwords_are_the_services_own() -> None:
    assert set(kafka_passwords(dict.fromkeys(secrets.variables(), ""))) == set(SERVICES)


class _Message:
    value, key, headers = b"{}", b"probe", []


@contextmanager
def going() -> Iterator[Callable[[Callable[[threading.Event], None]], None]]:
    """Runs what is started in threads until the block ends; what they raise ends them."""
    stop, threads = threading.Event(), list[threading.Thread]()

    def start(part: Callable[[threading.Event], None]) -> None:
        threads.append(threading.Thread(target=part, args=(stop,), daemon=True))
        threads[-1].start()

    try:
        yield start
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads), "a role did not stop"


def eventually(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Waits for it. (A right is given or taken a moment after the answer.)"""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain: {what}"
        threading.Event().wait(0.1)
