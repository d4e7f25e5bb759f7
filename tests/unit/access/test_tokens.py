"""Tokens that prove somebody, and the forgeries that must not."""

import base64
import hashlib
import hmac
import json
import stat
import time
from dataclasses import replace

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from shared.access import tokens
from shared.access.actor import Actor
from shared.access.tokens import (
    Issuer,
    TokenError,
    Verifier,
    create_key_files,
    issue,
    load_private_key,
    load_public_key,
    verify,
)

CLERK = Actor("account-1", "intake_clerk", agency_id="agency-1", session="session-1", name="Petugas (contoh)")
#: When this file was read: what lies far before or after it does so for every test.
NOW = int(time.time())


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    create_key_files(folder / "private.pem", folder / "public.pem")
    return load_private_key(folder / "private.pem"), load_public_key(folder / "public.pem"), folder


def claims(**changes):
    whole = {
        "iss": tokens.ISSUER,
        "aud": tokens.AUDIENCE,
        "sub": "account-1",
        "sid": "session-1",
        "role": "intake_clerk",
        "agency": None,
        "name": "",
        "iat": int(time.time()),
        "exp": int(time.time()) + 300,
    }
    whole.update(changes)
    return {name: value for name, value in whole.items() if value != "absent"}


def signed(private, header=None, **changes):
    return jwt.encode(header or {"alg": "Ed25519"}, claims(**changes), private, algorithms=["Ed25519"])


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_token_brings_back_the_actor(keys):
    private, public, _ = keys
    assert verify(public, issue(private, CLERK)) == CLERK


def test_a_token_brings_back_the_areas_and_one_without_them_is_of_the_whole_city(keys):
    """Seen to fail with an `issue` that leaves them out, and with a text taken for a list of its letters."""
    private, public, _ = keys
    here = replace(CLERK, areas=("33.75.01", "33.75.02"))
    assert verify(public, issue(private, here)) == here
    assert verify(public, signed(private)).areas == ()
    assert verify(public, signed(private, areas=[])).areas == ()
    for wrong in (None, "33.75.01", {"33.75.01": 1}, [1], [["33.75.01"]], ["33.75.01", None], 0, False):
        with pytest.raises(TokenError):
            verify(public, signed(private, areas=wrong))


def test_the_same_actor_gets_the_same_token_for_a_minute_and_another_actor_another(keys, monkeypatch):
    private, public, _ = keys
    issuer = Issuer(private)
    first, now = issuer.issue(CLERK), time.time()
    assert issuer.issue(CLERK) == first
    elsewhere = Actor(CLERK.id, CLERK.role, "agency-2", CLERK.session, CLERK.name)
    assert verify(public, issuer.issue(elsewhere)).agency_id == "agency-2"
    monkeypatch.setattr(tokens.time, "time", lambda: now + 61)
    assert issuer.issue(CLERK) != first


def test_a_token_that_was_verified_before_expires_all_the_same(keys, monkeypatch):
    private, public, _ = keys
    verifier = Verifier(public)
    token, now = issue(private, CLERK), time.time()
    assert verifier.verify(token) == verifier.verify(token) == CLERK
    monkeypatch.setattr(tokens.time, "time", lambda: now + 400)
    with pytest.raises(TokenError):
        verifier.verify(token)


def test_the_private_key_is_for_its_owner_only_and_never_replaced(keys):
    _, _, folder = keys
    assert stat.S_IMODE((folder / "private.pem").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        create_key_files(folder / "private.pem", folder / "public.pem")


def test_a_public_key_does_not_sign(keys):
    _, _, folder = keys
    with pytest.raises(ValueError):
        load_private_key(folder / "public.pem")
    (folder / "nonsense.pem").write_text("nonsense")
    with pytest.raises(ValueError):
        load_public_key(folder / "nonsense.pem")


def test_a_token_lives_five_minutes(keys):
    private, public, _ = keys
    now = int(time.time())
    assert verify(public, issue(private, CLERK, now=now - 280)) == CLERK
    with pytest.raises(TokenError):
        verify(public, issue(private, CLERK, now=now - 300 - tokens.LEEWAY_SECONDS - 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": "absent"},
        {"exp": None},
        {"exp": NOW - 60},
        {"exp": str(NOW + 300)},
        {"exp": NOW + 86_400},
        {"exp": float("nan")},
        {"exp": 10**400},
        {"iat": "absent"},
        {"iat": NOW + 3_600, "exp": NOW + 3_900},
        {"aud": "absent"},
        {"aud": "somebody.else"},
        {"iss": "absent"},
        {"iss": "somebody.else"},
        {"sub": "absent"},
        {"sub": 7},
        {"sid": "absent"},
        {"sid": ["session-1"]},
        {"role": "absent"},
        {"role": "system"},
        {"role": "root"},
        {"role": {"$ne": None}},
        {"agency": {"$ne": None}},
        {"name": 7},
    ],
    ids=lambda wrong: "-".join(wrong) or "none",  # no moment in a name: two processes would collect different tests
)
def test_wrong_claims_prove_nothing_although_signed_by_us(keys, changes):
    private, public, _ = keys
    assert verify(public, signed(private)).role == "intake_clerk"
    with pytest.raises(TokenError):
        verify(public, signed(private, **changes))


def test_no_signature_proves_nothing(keys):
    _, public, _ = keys
    for algorithm in ("none", "None", "NONE"):
        with pytest.raises(TokenError):
            verify(public, f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(claims())}.")


def test_the_public_key_is_no_shared_secret(keys):
    _, public, _ = keys
    signing_input = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(claims())}"
    for secret in (public.as_pem(private=False), base64.urlsafe_b64decode(public.as_dict(private=False)["x"] + "==")):
        digest = hmac.new(secret, signing_input.encode(), hashlib.sha256).digest()
        signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        with pytest.raises(TokenError):
            verify(public, f"{signing_input}.{signature}")


def test_a_key_in_the_header_is_not_followed(keys):
    _, public, _ = keys
    forger = OKPKey.generate_key("Ed25519")
    for header in (
        {"alg": "Ed25519", "jwk": forger.as_dict(private=False)},
        {"alg": "Ed25519", "kid": "../../dev/null"},
    ):
        with pytest.raises(TokenError):
            verify(public, signed(forger, header))


def test_a_header_that_names_a_key_is_refused_although_signed_by_us(keys):
    private, public, _ = keys
    with pytest.raises(TokenError):
        verify(public, signed(private, {"alg": "Ed25519", "kid": "1"}))


def test_another_key_or_a_changed_claim_proves_nothing(keys):
    private, public, _ = keys
    with pytest.raises(TokenError):
        verify(public, signed(OKPKey.generate_key("Ed25519")))
    header, _, signature = issue(private, CLERK).split(".")
    with pytest.raises(TokenError):
        verify(public, f"{header}.{encoded(claims(role='administrator'))}.{signature}")


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "x" * 200_000, "[" * 50_000, "null.null.null"])
def test_nonsense_is_one_kind_of_error(keys, text):
    _, public, _ = keys
    with pytest.raises(TokenError):
        verify(public, text)
