"""Signs messages by Standard Webhooks 1.0.0, and keeps the secrets that sign them.

A secret is shown once, when it is made; after that only its sealed form exists, opened in memory to sign. The sealing
key is derived from the service's secret key: whoever changes that key must rotate every subscription's secret.
"""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import tink
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks.webhooks import Webhook
from tink import aead, secret_key_access
from tink.proto import aes_gcm_pb2, tink_pb2

SECRET_BYTES = 32
_KEY_TYPE = "type.googleapis.com/google.crypto.tink.AesGcmKey"

aead.register()


def new_secret() -> str:
    """A fresh signing secret in the form receivers' libraries expect: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def seal(secret_key: str, subscription_id: str, secret: str) -> bytes:
    """The sealed form of a signing secret. It opens for the same subscription only."""
    sealed: bytes = _sealer(secret_key).encrypt(secret.encode(), subscription_id.encode())
    return sealed


def unseal(secret_key: str, subscription_id: str, sealed: bytes) -> str:
    """The signing secret again. Raises `tink.TinkError` when the key or the subscription is another."""
    secret: bytes = _sealer(secret_key).decrypt(sealed, subscription_id.encode())
    return secret.decode()


def headers(message_id: str, moment: datetime, body: str, signing_secrets: Sequence[str]) -> dict[str, str]:
    """The headers of one attempt. `moment` is aware UTC; with two secrets in force there are two signatures."""
    # The library reads the clock face of whatever it is given as UTC.
    if moment.utcoffset() is None or moment.utcoffset():
        raise ValueError("the moment of signing must be in UTC")
    signatures = [Webhook(secret).sign(message_id, moment, body) for secret in signing_secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


@lru_cache(maxsize=4)
def _sealer(secret_key: str) -> aead.Aead:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"rujukan/notifications/signing-secrets/1")
    key = aes_gcm_pb2.AesGcmKey(version=0, key_value=derive.derive(secret_key.encode()))
    keyset = tink_pb2.Keyset(primary_key_id=1)
    keyset.key.add(
        key_data=tink_pb2.KeyData(
            type_url=_KEY_TYPE, value=key.SerializeToString(), key_material_type=tink_pb2.KeyData.SYMMETRIC
        ),
        status=tink_pb2.ENABLED,
        key_id=1,
        output_prefix_type=tink_pb2.TINK,
    )
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(aead.Aead)
