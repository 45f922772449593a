"""Over TLS, accounts must be who it says it is."""

import datetime
import ipaddress
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.tokens.scripted_issuer import page
from tokens.http_client import NoResponse, Response, fetch, tls_context


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1, signed by itself, in a file with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "accounts")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1)
        )
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "accounts.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path


@pytest.fixture
def accounts(certificate):
    """Accounts behind TLS, for one question."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_once, args=(listener, context))
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/.well-known/jwks.json"
        thread.join(5)


def answer_once(listener, context):
    line, _ = listener.accept()
    try:
        with context.wrap_socket(line, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(page(b"{}"))
    except OSError:
        line.close()


def test_who_is_trusted_is_heard(accounts, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_context.cache_clear()

    answer = fetch(accounts, timeout=2, limit=100)

    tls_context.cache_clear()
    assert answer == Response(200, b"{}")


def test_who_is_not_trusted_is_not_heard(accounts):
    with pytest.raises(NoResponse, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(accounts, timeout=2, limit=100)


def test_who_speaks_another_name_is_not_heard(accounts, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls_context.cache_clear()

    with pytest.raises(NoResponse, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(accounts.replace("127.0.0.1", "localhost"), timeout=2, limit=100)
    tls_context.cache_clear()
