"""Mail is written to a table and sent beside requests: at least once, in time or not at all."""

import re
import time
from datetime import timedelta
from ipaddress import ip_address

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.core.mail import get_connection
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Mail, User
from accounts.people.mails import CONTEXTS
from config import checks
from tests.smtp_server import mail_server
from wire.mail import delivery, smtp
from wire.mail.table import LEASE

pytestmark = [pytest.mark.django_db, pytest.mark.database]

KIND = "password reset"


@pytest.fixture
def server(settings):
    with mail_server() as server:
        settings.EMAIL_BACKEND = "wire.mail.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.fixture
def people(db):
    """Makes people with a password, who so can reset it."""

    def people(*emails):
        for email in emails:
            User.objects.create(email=email, password="md5$a$b")

    return people


@pytest.fixture
def alice(people):
    people("alice@example.com")


@pytest.fixture
def write(alice):
    def write(to="alice@example.com", **options):
        return Mail.objects.write(KIND, to, **options)

    return write


def send():
    return delivery.send_mails(Mail, CONTEXTS)


def later(**delta):
    return time_machine.travel(timezone.now() + timedelta(**delta), tick=False)


def states():
    return list(Mail.objects.order_by("to", "written_at").values_list("state", flat=True))


def test_a_mail_is_sent_in_text_and_html(server, write, settings):
    settings.DEFAULT_FROM_EMAIL = "Tessera <shop@example.com>"
    write()

    assert send() == 1

    [message] = server.messages
    text, html = (part.get_content() for part in message.iter_parts())
    assert (message["To"], message["From"]) == ("alice@example.com", "Tessera <shop@example.com>")
    assert (message["Subject"], message["Auto-Submitted"]) == ("Choose a new password at Tessera", "auto-generated")
    [link] = re.findall(rf"^{re.escape(settings.ISSUER)}/password-reset/\S+", text, re.MULTILINE)
    assert f'href="{link}"' in html
    assert states() == ["sent"]


def test_a_mail_is_sent_once(server, write):
    write()

    assert (send(), send()) == (1, 0)


def test_a_mail_goes_back_with_the_transaction_that_wanted_it(server, write):
    with transaction.atomic():
        write()
        transaction.set_rollback(True)

    assert (send(), server.messages) == (0, [])


def test_a_kind_without_templates_is_told_to_who_writes_it(alice):
    with pytest.raises(Exception, match="no_such"):
        Mail.objects.write("no such", "alice@example.com")


def test_no_row_ever_holds_a_link(server, write):
    server.answers["TEXT"] = ["450 try later", "550 spam: http://localhost:8000/password-reset/MQ/token-of-alice/"]
    write()
    rows = []
    for hours in (0, 0.5):
        with later(hours=hours):
            send()
        rows.append(str(Mail.objects.values().get()))

    assert states() == ["failed"]
    assert not re.search("password-reset|token", "".join(rows))


def test_many_mails_go_over_one_connection(server, people, write):
    people(*(f"{number}@example.com" for number in range(5)))
    for number in range(5):
        write(f"{number}@example.com")

    assert send() == 5
    assert sum(command.lower().startswith("ehlo") for command in server.commands) == 1


def test_one_pass_is_bounded(server, write, monkeypatch):
    monkeypatch.setattr(delivery, "BATCH", 2)
    for _ in range(3):
        write()

    assert (send(), send()) == (2, 1)


# A server that does not do what it should --------------------------------------------------------


def test_what_the_server_puts_off_is_sent_later_with_the_same_id(server, write):
    server.answers["TEXT"] = ["451 greylisted"]
    write()

    assert send() == 0
    mail = Mail.objects.get()
    assert (mail.state, mail.attempts, mail.error) == ("waiting", 1, "451 greylisted")
    assert send() == 0
    with later(seconds=6):
        assert send() == 1
    [message] = server.messages
    assert message["Message-ID"] == f"<{mail.pk}@localhost>"


@pytest.mark.parametrize("command", ["RCPT", "DATA", "TEXT"])
def test_what_the_server_refuses_has_failed_and_keeps_nobody(server, people, write, command):
    server.answers[command] = ["550 no such mailbox"]
    people("bob@example.com")
    write()
    write("bob@example.com")

    assert send() == 1
    assert states() == ["failed", "sent"]
    assert Mail.objects.get(state="failed").error == "550 no such mailbox"


def test_a_sender_that_is_refused_is_tried_again(server, write):
    server.answers["MAIL"] = ["550 who are you"]
    write()

    send()

    assert states() == ["waiting"]


@pytest.mark.parametrize("command", ["EHLO", "MAIL", "RCPT", "DATA", "TEXT"])
def test_a_conversation_that_breaks_off_is_begun_anew(server, write, command):
    # Where EHLO is not answered, HELO is tried.
    server.answers |= {command: [""], "HELO": [""]}
    write()
    send()

    with later(seconds=6):
        send()
    assert states() == ["sent"]
    assert len(server.messages) == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "TEXT"])
def test_a_conversation_that_breaks_off_keeps_no_other_mail(server, people, write, command):
    server.answers[command] = [""]
    people("bob@example.com")
    write()
    write("bob@example.com")

    assert send() == 1
    assert states() == ["waiting", "sent"]


def test_while_the_server_is_away_all_wait_and_the_others_lose_no_attempt(server, people, write, settings):
    people("bob@example.com")
    write()
    write("bob@example.com")
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1

    assert send() == 0
    assert sorted(Mail.objects.values_list("attempts", flat=True)) == [0, 1]
    assert Mail.objects.filter(next_try_at__gt=timezone.now()).count() == 2
    settings.EMAIL_PORT = port
    with later(seconds=6):
        assert send() == 2


def test_a_server_that_never_answers_is_given_up_after_the_timeout(server, write, settings):
    settings.EMAIL_TIMEOUT, server.silent = 1, True
    write()
    write()
    began = time.monotonic()

    assert send() == 0
    assert time.monotonic() - began < 5
    assert [mail.attempts for mail in Mail.objects.order_by("attempts")] == [0, 1]


def test_a_server_that_speaks_without_end_is_cut_off(server, write, monkeypatch):
    monkeypatch.setattr(smtp, "LONGEST", 1.5)
    server.slow = True
    write()
    began = time.monotonic()

    assert send() == 0
    assert time.monotonic() - began < 5
    assert states() == ["waiting"]


@pytest.fixture
def certificate(tmp_path):
    """The mail server's, in a file with its key, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), timezone.now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + LEASE)
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = made.add_extension(host, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "mail.pem").write_bytes(private + signed.public_bytes(Encoding.PEM))
    return tmp_path / "mail.pem"


def test_a_server_has_to_prove_who_it_is_and_is_cut_off_under_tls_too(
    server, write, settings, certificate, monkeypatch
):
    server.speak_tls(certificate)
    settings.EMAIL_USE_SSL = True
    write()

    assert send() == 0
    assert "CERTIFICATE_VERIFY_FAILED" in Mail.objects.get().error
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with later(seconds=6):
        assert send() == 1
    monkeypatch.setattr(smtp, "LONGEST", 1.5)
    server.slow, began = True, time.monotonic()
    write()
    assert send() == 0
    assert time.monotonic() - began < 5


def test_a_mail_that_cannot_be_made_keeps_nobody(server, people, write):
    people("bob@example.com")
    write()
    write("bob@example.com")

    sent = delivery.send_mails(Mail, {KIND: lambda mail: {"link": 1 / (mail.to[0] - 1)} if mail.to[0] == "a" else {}})

    assert (sent, states()) == (1, ["waiting", "sent"])
    assert Mail.objects.get(state="waiting").error == "TypeError"


# Time -------------------------------------------------------------------------------------------


def test_waits_double_up_to_ten_minutes_less_a_part_by_chance():
    waits = [[delivery.wait_after(attempts).total_seconds() for _ in range(50)] for attempts in (1, 2, 3, 8, 500)]

    bounds = [5, 10, 20, 600, 600]
    assert all(bound / 2 <= min(found) < max(found) <= bound for bound, found in zip(bounds, waits, strict=True))
    assert all(len(set(found)) > 10 for found in waits)


def test_a_mail_whose_life_is_over_has_failed_and_is_not_sent(server, write):
    write(lifetime=timedelta(hours=1))

    with later(minutes=61):
        assert send() == 0
    assert (states(), server.messages) == (["failed"], [])


def test_after_many_failures_a_mail_is_given_up(server, write):
    server.answers["RCPT"] = ["450 full"] * 1_000
    write()
    now = timezone.now()
    for minutes in range(0, 24 * 60 + 10, 10):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            send()

    mail = Mail.objects.get()
    assert (mail.state, mail.error) == ("failed", "450 full")
    assert 100 < mail.attempts <= 145


def test_a_mail_that_failed_can_be_sent_again_with_all_its_time(server, write):
    server.answers["RCPT"] = ["550 full"]
    write(lifetime=timedelta(hours=1))
    send()

    with later(days=2):
        assert Mail.objects.send_again(Mail.objects.get())
        assert send() == 1
        assert not Mail.objects.send_again(Mail.objects.get())


def test_what_is_done_goes_after_so_many_days_and_what_waits_stays(server, people, write, settings):
    settings.KEPT = settings.KEPT | {"mails": timedelta(days=3)}
    people("bob@example.com")
    write()
    send()
    write("bob@example.com", lifetime=timedelta(days=9))

    with later(days=2):
        assert delivery.clear_mails(Mail) == 0
    with later(days=4):
        assert delivery.clear_mails(Mail) == 1
    assert states() == ["waiting"]


# Several workers --------------------------------------------------------------------------------


def test_of_many_workers_at_once_one_sends_each_mail(server, at_once, people):
    people(*(f"{number}@example.com" for number in range(12)))
    for number in range(12):
        Mail.objects.write(KIND, f"{number}@example.com")

    sent = at_once(4, lambda _: send())

    assert sum(sent) == 12
    assert sorted(message["To"] for message in server.messages) == sorted(f"{n}@example.com" for n in range(12))


def test_a_dead_workers_mail_is_sent_by_another_after_the_lease(server, write):
    write()
    assert Mail.objects.claim()

    assert send() == 0
    with later(seconds=LEASE.total_seconds() + 1):
        assert send() == 1


def test_a_worker_that_was_taken_for_dead_puts_nothing_off(server, write):
    write()
    mine = Mail.objects.claim()
    with later(seconds=LEASE.total_seconds() + 1):
        Mail.objects.claim()
        before = Mail.objects.values().get()

        Mail.objects.put_off(mine, timezone.now(), error="late")

    assert Mail.objects.values().get() == before


# Whom a mail goes to ----------------------------------------------------------------------------


def test_an_address_has_so_many_mails_of_a_kind_in_an_hour(server, write, settings):
    settings.MAILS_PER_HOUR = 3

    assert [write() for _ in range(4)] == [True, True, True, False]
    assert write("bob@example.com")
    with later(minutes=61):
        assert write()


def test_one_address_written_in_many_ways_is_one(server, alice, settings):
    settings.MAILS_PER_HOUR = 2
    ways = ["alice@bücher.example", "ALICE@Bücher.Example", " alice@xn--bcher-kva.example"]

    assert [Mail.objects.write(KIND, to) for to in ways] == [True, True, False]


def test_of_many_at_once_no_more_are_written(alice, settings, at_once):
    settings.MAILS_PER_HOUR = 3

    written = at_once(8, lambda _: Mail.objects.write(KIND, "alice@example.com"))

    assert (sum(written), Mail.objects.count()) == (3, 3)


@pytest.mark.parametrize("to", ["Alice@BÜCHER.example", "alice@xn--bcher-kva.example", "alice@bu\u0308cher.example"])
def test_a_domain_in_other_letters_is_written_in_those_of_dns_and_read_in_its_own(server, people, write, to):
    people("alice@bücher.example")
    write(to)

    assert send() == 1
    assert "for alice@bücher.example." in server.messages[0].get_body(["plain"]).get_content()
    assert "rcpt to:<alice@xn--bcher-kva.example>" in map(str.lower, server.commands)
    assert server.messages[0]["To"] == "alice@xn--bcher-kva.example"


@pytest.mark.parametrize("to", ["ålice@example.com", "alice@example.com\r\nbcc: eve@example.com", "alice"])
def test_an_address_that_smtp_cannot_carry_has_failed(server, people, write, to):
    people(to)
    write(to)

    assert (send(), states(), server.messages) == (0, ["failed"], [])


def test_two_addresses_in_one_reach_nobody(server, people, write):
    people("alice@example.com,eve@example.com")
    write("alice@example.com,eve@example.com")

    assert (send(), server.messages) == (0, [])


def test_nothing_in_a_subject_begins_another_header(server, write, settings, tmp_path):
    (tmp_path / "accounts/mail").mkdir(parents=True)
    for suffix in ("txt", "html"):
        (tmp_path / f"accounts/mail/hello.{suffix}").write_text("Hello {{ name }}\n\nWell, {{ name }}.\n")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    name = "<b>\r\u2028\x0b\x85Bcc: eve@example.com"
    Mail.objects.write("hello", "alice@example.com", name=name)

    assert send() == 1
    [message] = server.messages
    text, html = (part.get_content() for part in message.iter_parts())
    assert (message["Subject"], message["Bcc"]) == ("Hello <b> Bcc: eve@example.com", None)
    assert ("<b>" in text, "<b>" in html, "&lt;b&gt;" in html) == (True, False, True)
    assert sum(command.lower().startswith("rcpt") for command in server.commands) == 1


def test_an_address_that_nobody_has_takes_the_same_request_and_no_mail(server, alice):
    def ask(email):
        with CaptureQueriesContext(connection) as queries:
            answer = Client().post("/password-reset/", {"email": email})
        shapes = [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries.captured_queries]
        return answer.status_code, answer["Location"], shapes

    assert ask("alice@example.com") == ask("nobody@example.com")
    assert send() == 1
    assert states() == ["sent", "dropped"]
    assert [message["To"] for message in server.messages] == ["alice@example.com"]


# What one sees ----------------------------------------------------------------------------------


def test_metrics_tell_what_waits_what_failed_and_how_old_it_is(write):
    write(), write(), write()
    Mail.objects.filter(pk=Mail.objects.first().pk).update(state="failed")
    Mail.objects.filter(state="waiting").update(written_at=timezone.now() - timedelta(hours=1))

    lines = Client().get("/metrics").content.decode().splitlines()

    assert 'tessera_mails{service="accounts",state="waiting"} 2.0' in lines
    assert 'tessera_mails{service="accounts",state="failed"} 1.0' in lines
    assert 'tessera_mails{service="accounts",state="sent"} 0.0' in lines
    [age] = [line.split()[1] for line in lines if line.startswith('tessera_mail_oldest_seconds{service="accounts"}')]
    assert 3600 <= float(age) < 3700


def test_printed_mail_is_read_at_a_glance(write, settings, capsys):
    settings.EMAIL_BACKEND = "wire.mail.console.EmailBackend"
    write()

    send()

    printed = capsys.readouterr().out
    assert printed.startswith(
        f"\n{'-' * 72}\nTo:      alice@example.com\nSubject: Choose a new password at Tessera\n\n"
    )
    assert "\nhttp://localhost:8000/password-reset/" in printed
    assert "<" not in printed


@pytest.mark.parametrize(
    ("backend", "found"),
    [("wire.mail.smtp.EmailBackend", []), ("wire.mail.console.EmailBackend", ["tessera.W004"])],
)
def test_mail_that_is_only_printed_is_told_to_who_deploys(settings, backend, found):
    settings.EMAIL_BACKEND = backend

    assert [message.id for message in checks.check_mail()] == found


def test_the_mail_server_has_ten_seconds_to_answer(settings):
    settings.EMAIL_BACKEND = "wire.mail.smtp.EmailBackend"

    assert get_connection().timeout == 10
