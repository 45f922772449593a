"""A device with passkeys, in memory: what it answers is what a browser sends on (WebAuthn, level 3)."""

import hashlib
import json
import secrets
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

PRESENT, VERIFIED, ATTESTED = 1, 4, 64


class Authenticator:
    """It asks nobody: `origin` is where it believes to be, in a frame of another site or not, `flags` what it says of
    who holds it."""

    def __init__(
        self, origin="http://localhost:8000", flags=PRESENT | VERIFIED, count=0, *, is_framed=False, own_id=b""
    ):
        self.origin, self.flags, self.count, self.is_framed = origin, flags, count, is_framed
        self.id, self.key, self.user = own_id or secrets.token_bytes(32), ec.generate_private_key(ec.SECP256R1()), b""

    def make(self, options):
        """A new passkey, by options as `navigator.credentials.create` takes them."""
        self.user = base64url_to_bytes(options["user"]["id"])
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + self.public_key()
        data = self.data(options["rp"]["id"], ATTESTED) + attested
        statement = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        client = self.client("webauthn.create", options["challenge"])
        return self.credential({"clientDataJSON": client, "attestationObject": statement})

    def answer(self, options, **changed):
        """The passkey's answer, by options as `navigator.credentials.get` takes them."""
        data, client = self.data(options["rpId"]), self.client("webauthn.get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature, "userHandle": self.user}
        return self.credential(parts | changed)

    def public_key(self):
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return encode_cbor({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def data(self, rp_id, more=0):
        self.count += bool(self.count)
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", self.flags | more, self.count)

    def client(self, kind, challenge):
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.is_framed}
        return json.dumps(said).encode()

    def credential(self, response):
        encoded = {name: bytes_to_base64url(value) for name, value in response.items()}
        own = bytes_to_base64url(self.id)
        return {"id": own, "rawId": own, "type": "public-key", "response": encoded, "clientExtensionResults": {}}
