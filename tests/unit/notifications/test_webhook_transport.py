"""One attempt over a real socket: what the receiver gets, and what we make of what it does."""

import socket
import threading
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from services.notifications import guard, signing, transport
from services.notifications.guard import Endpoint, Target
from tests.support.receiver import Answer, certificate, receiver

BODY = '{"type":"case.opened"}'


def target(running) -> Target:
    return guard.resolve(running.url, local=True)


def post(running, timeout=5.0, secrets=None):
    headers = signing.headers("delivery-1", datetime.now(UTC), BODY, secrets or [signing.new_secret()])
    return transport.post(target(running), headers, BODY.encode(), timeout)


def test_a_receiver_can_verify_what_it_gets():
    secret = signing.new_secret()
    with receiver() as running:
        answer = post(running, secrets=[secret])
        (request,) = running.received
    assert answer.ok and answer.status == 204 and answer.error is None
    assert request.verify(secret) == {"type": "case.opened"}
    assert request.message_id == "delivery-1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{running.port}"
    with pytest.raises(WebhookVerificationError):
        request.verify(signing.new_secret())


def test_during_a_rotation_the_old_and_the_new_secret_both_verify():
    old, new = signing.new_secret(), signing.new_secret()
    with receiver() as running:
        post(running, secrets=[new, old])
        (request,) = running.received
    assert request.verify(old) == request.verify(new)


def test_a_moment_of_signing_in_another_zone_is_refused():
    with pytest.raises(ValueError, match="UTC"):
        signing.headers("delivery-1", datetime.now(), BODY, [signing.new_secret()])


def test_a_redirect_is_not_followed():
    with receiver() as inside, receiver() as running:
        running.answer = Answer(302, {"Location": inside.url})
        answer = post(running)
        assert answer.status == 302 and not answer.ok
        assert inside.received == []


def test_a_receiver_that_hangs_costs_the_time_out_and_no_more():
    with receiver() as running:
        running.answer = Answer(hang=True)
        started = time.monotonic()
        answer = post(running, timeout=0.5)
    assert answer == transport.Answer(None, "timeout", answer.latency_ms)
    assert time.monotonic() - started < 3


def test_a_receiver_that_drips_is_cut_off_as_well():
    with receiver() as running:
        running.answer = Answer(drip=True)
        started = time.monotonic()
        answer = post(running, timeout=0.7)
    assert answer.error == "timeout"
    assert time.monotonic() - started < 3


def test_a_receiver_that_stalls_in_the_tls_handshake_is_cut_off():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken = []

        def drip():
            connection, _ = listening.accept()
            taken.append(connection)
            try:
                # A TLS record header that announces 16 KB, then a byte at a time: never silent, never done.
                connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
                while True:
                    connection.sendall(b"\x00")
                    connection.settimeout(0.1)
                    try:
                        if connection.recv(4096) == b"":
                            return
                    except TimeoutError:
                        continue
            except OSError:
                return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        started = time.monotonic()
        answer = transport.post(Target(Endpoint("https", "127.0.0.1", port, "/"), "127.0.0.1"), {}, b"{}", 0.7)
        thread.join(5)
        taken[0].close()
    assert answer.error == "timeout"
    assert time.monotonic() - started < 3


def test_nobody_listening_is_a_connection_error():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    answer = transport.post(Target(Endpoint("http", "127.0.0.1", port, "/"), "127.0.0.1"), {}, b"{}", 2)
    assert answer.error == "connection" and answer.status is None


def test_what_is_no_http_at_all_is_a_protocol_or_connection_error():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def babble():
            connection, _ = listening.accept()
            connection.recv(4096)
            connection.sendall(b"canary canary\r\n\r\n")
            connection.close()

        threading.Thread(target=babble, daemon=True).start()
        port = listening.getsockname()[1]
        answer = transport.post(Target(Endpoint("http", "127.0.0.1", port, "/"), "127.0.0.1"), {}, b"{}", 2)
    assert answer.status is None and answer.error in ("protocol", "connection")


def test_retry_after_is_read_and_the_body_is_not_waited_for():
    with receiver() as running:
        running.answer = Answer(429, {"Retry-After": "120"})
        assert post(running).retry_after == 120.0


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """A certificate for hooks.example.org that this process trusts."""
    pem = certificate(tmp_path, "hooks.example.org")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    transport._trust.cache_clear()
    yield pem
    transport._trust.cache_clear()


def test_tls_is_checked_for_the_name_while_the_connection_goes_to_the_checked_address(trusted):
    with receiver(certificate=trusted) as running:
        answer = transport.post(
            Target(Endpoint("https", "hooks.example.org", running.port, "/in"), "127.0.0.1"), {}, b"{}", 5
        )
        assert answer.status == 204, answer
        assert running.received[0].headers["host"] == f"hooks.example.org:{running.port}"
        assert running.received[0].path == "/in"


def test_a_certificate_for_another_name_is_refused_before_anything_is_sent(trusted):
    with receiver(certificate=trusted) as running:
        answer = transport.post(
            Target(Endpoint("https", "other.example.org", running.port, "/"), "127.0.0.1"), {}, b"{}", 5
        )
        assert answer.error == "tls" and running.received == []


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    transport._trust.cache_clear()
    with receiver(certificate=certificate(tmp_path, "127.0.0.1")) as running:
        assert post(running).error == "tls"
        assert running.received == []
