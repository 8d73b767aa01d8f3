"""The contract's cryptography, computed a second time: fingerprints, MACs, signatures, join proofs, sealed content."""

import base64
import binascii
import functools
import hashlib
import hmac
import json
import secrets
import struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

SIGNATURE_PREFIX = b"clawbridge.v1.signature\n"
RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    """Bytes of canonical base64url without padding; ValueError for any other text."""
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"not base64url: {text!r}") from error
    if b64url(data) != text:
        raise ValueError(f"not canonical base64url: {text!r}")
    return data


def fingerprint(sign_public, box_public):
    return hashlib.sha256(sign_public + box_public).digest()


def join_proof(secret, gateway, print_):
    return hmac.digest(secret, f"clawbridge.v1.join|{gateway}|".encode() + print_, "sha256")


class Keys:
    """One bridge's keys; secrets are None where only the public halves are known."""

    def __init__(self, gateway, sign_public, box_public, sign_secret=None, box_secret=None):
        self.gateway = gateway
        self.sign_public, self.box_public = sign_public, box_public
        self.sign_secret, self.box_secret = sign_secret, box_secret
        self.fingerprint = fingerprint(sign_public, box_public)
        self.keyid = self.fingerprint.hex()[:16]

    @classmethod
    def make(cls, gateway):
        sign, box = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        secret = (serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
        return cls(gateway, sign.public_key().public_bytes(*RAW), box.public_key().public_bytes(*RAW),
                   sign.private_bytes(*secret), box.private_bytes(*secret))

    @classmethod
    def from_json(cls, gateway, value):
        """`value`: {"sign": {"secret", "public"}, "box": …} in base64url, as in keys.json and in the vectors."""
        keys = cls(gateway, *(unb64url(value[part][half]) for half in ("public", "secret") for part in ("sign", "box")))
        derived = (Ed25519PrivateKey.from_private_bytes(keys.sign_secret).public_key().public_bytes(*RAW),
                   X25519PrivateKey.from_private_bytes(keys.box_secret).public_key().public_bytes(*RAW))
        if derived != (keys.sign_public, keys.box_public):
            raise ValueError(f"the public keys of {gateway} do not belong to its secrets")
        return keys

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        return cls.from_json(value["gateway"], value)

    def sign(self, covered):
        return Ed25519PrivateKey.from_private_bytes(self.sign_secret).sign(SIGNATURE_PREFIX + covered)


def verify(sign_public, covered, signature, prefix=SIGNATURE_PREFIX):
    try:
        Ed25519PublicKey.from_public_bytes(sign_public).verify(signature, prefix + covered)
        return True
    except InvalidSignature:
        return False


@functools.lru_cache(1024)  # of the same few keys for each message: half of what a judgement costs
def _shared(box_secret, box_public):
    return X25519PrivateKey.from_private_bytes(box_secret).exchange(X25519PublicKey.from_public_bytes(box_public))


def direction_key(label, source, target):
    """The key from `source` to `target`; `label` is mac or seal. At least one of the two must have its secrets."""
    own, peer = (source, target) if source.box_secret else (target, source)
    text = f"clawbridge.v1.{label}|{source.gateway}|{target.gateway}|".encode() + source.fingerprint + target.fingerprint
    return hmac.digest(_shared(own.box_secret, peer.box_public), text, "sha256")


def mac(source, target, covered):
    return hmac.digest(direction_key("mac", source, target), covered, "sha256")


def rotation_is_proven(gateway, rotation, new_fingerprint):
    return verify(unb64url(rotation["sign"]), b"", unb64url(rotation["proof"]),
                  prefix=f"clawbridge.v1.rotate|{gateway}|".encode() + new_fingerprint)


def _hchacha20(key, nonce):
    """RFC draft-irtf-cfrg-xchacha-03, section 2.2: the ChaCha rounds without the last addition."""
    state = list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key) + struct.unpack("<4I", nonce))

    def quarter(a, b, c, d):
        for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            mixed = state[z] ^ state[x]
            state[z] = ((mixed << bits) | (mixed >> (32 - bits))) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *state[:4], *state[12:])


def _sealing(key, event, nonce):
    """The cipher, its nonce and what it binds the content to. XChaCha20 is ChaCha20 under a key made from 16 bytes of the nonce."""
    additional = "|".join(event[name] for name in ("type", "id", "source", "subject")).encode()
    return ChaCha20Poly1305(_hchacha20(key, nonce[:16])), b"\0\0\0\0" + nonce[16:], additional


def seal(key, event, plaintext, nonce=None):
    """data_base64 of the event. `key`: of the direction, for seal."""
    nonce = nonce or secrets.token_bytes(24)
    cipher, short_nonce, additional = _sealing(key, event, nonce)
    return base64.b64encode(nonce + cipher.encrypt(short_nonce, plaintext, additional)).decode()


def unseal(source, target, event):
    """The plaintext of a sealed event, or None when it cannot be opened."""
    box = base64.b64decode(event["data_base64"], validate=True)
    if len(box) < 40:
        return None
    cipher, short_nonce, additional = _sealing(direction_key("seal", source, target), event, box[:24])
    try:
        return cipher.decrypt(short_nonce, box[24:], additional)
    except InvalidTag:
        return None
