"""A request to a neighbour ends in time whatever it waits for; and over TLS, accounts must be who it says it is."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.tokens.scripted_issuer import page
from tokens.http_client import NoResponse, Response, fetch, tls_context

LONG = 20.0
"""Seconds that somebody takes who is not waited for; nobody here waits for half of it."""


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


def test_nobody_is_spoken_to_by_an_old_tls():
    context = tls_context()

    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.fixture
def name_server(monkeypatch):
    """One that answers nobody for a while: as long as the system asks it again, for names that are no address."""
    is_over, ask = threading.Event(), socket.getaddrinfo

    def wait(host, *args, **options):
        if host != "products.internal":
            return ask(host, *args, **options)
        is_over.wait(LONG)
        return ask("127.0.0.1", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield is_over
    is_over.set()


def calls():
    return [thread for thread in threading.enumerate() if thread.name == "call"]


def await_end(threads):
    for thread in threads:
        thread.join(5)
    return not any(thread.is_alive() for thread in threads)


def test_nobody_waits_longer_for_a_name_server_that_is_silent(name_server):
    began = time.monotonic()

    with pytest.raises(NoResponse, match="TimeoutError"):
        fetch("http://products.internal:9/", timeout=0.3, limit=100)

    assert time.monotonic() - began < LONG / 2


def test_who_is_found_too_late_is_not_asked_any_more(name_server):
    heard = []
    with listening(lambda line: heard.append(line.recv(100))) as port:
        with pytest.raises(NoResponse):
            fetch(f"http://products.internal:{port}/", timeout=0.2, limit=100)
        waiting = calls()
        name_server.set()

        assert await_end(waiting)
    assert heard in ([], [b""])


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"])
def test_nothing_goes_on_waiting_for_what_drips_in(start):
    with listening(drip(start)) as port:
        began = time.monotonic()

        with pytest.raises(NoResponse):
            fetch(f"http://127.0.0.1:{port}/", timeout=0.4, limit=100)

        assert time.monotonic() - began < LONG / 2
        assert await_end(calls())


@contextmanager
def listening(answer):
    """A port on which the first who comes is answered."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(2)
        thread = threading.Thread(target=accept, args=(listener, answer))
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


def accept(listener, answer):
    try:
        line, _ = listener.accept()
    except TimeoutError:
        return
    with line:
        answer(line)


def drip(start):
    """Answer with this at once, and then byte by byte until the caller leaves."""

    def answer(line):
        try:
            line.sendall(start)
            for _ in range(100):
                line.sendall(b"x")
                time.sleep(LONG / 100)
        except OSError:
            return

    return answer
