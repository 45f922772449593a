"""Values are read literally, stripped, lists element by element, from a variable or from the file it names."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config import checks, environment

CLEAN = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}


@pytest.fixture(autouse=True)
def own(monkeypatch):
    """The environment of this process, put back afterwards."""
    monkeypatch.setattr(os, "environ", dict(CLEAN))
    return os.environ


@pytest.fixture
def secret_file(tmp_path):
    """A file with some text; its path."""

    def write(text):
        path = tmp_path / "secret"
        path.write_bytes(text)
        return str(path)

    return write


def start(**own):
    """The keys that settings have in a process of its own."""
    code = "from config.settings import SECRET_KEY, SECRET_KEY_FALLBACKS; print([SECRET_KEY, *SECRET_KEY_FALLBACKS])"
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, cwd=settings.BASE_DIR, env=CLEAN | own, text=True).strip()


def test_a_process_has_its_keys_as_they_were_meant(secret_file):
    path = secret_file(b"x, $old\n")

    assert start(SECRET_KEY=" $HOME of a key ", SECRET_KEY_FALLBACKS_FILE=path) == "['$HOME of a key', 'x', '$old']"


@pytest.mark.parametrize("text", ["$HOME", "$$", "\\$key", "a=b#c", "'quoted'", "$"])
def test_a_value_stands_for_itself(own, text):
    own["SECRET_KEY"] = own["SECRET_KEY_FALLBACKS"] = f"\t{text} \n"

    assert environment.read_text("SECRET_KEY") == text
    assert environment.read_list("SECRET_KEY_FALLBACKS") == [text]


@pytest.mark.parametrize("text", [b"x,old", b"x, old\n", b" x ,, old ,\r\n", b"x\nold\n", b"\xef\xbb\xbfx,old"])
def test_a_list_is_read_element_by_element(own, secret_file, text):
    own["SECRET_KEY_FALLBACKS_FILE"] = secret_file(text)

    assert environment.read_list("SECRET_KEY_FALLBACKS") == ["x", "old"]


@pytest.mark.parametrize("text", [",", " , ,", ",\n,"])
def test_a_list_of_nothing_but_commas_is_no_absent_one(own, secret_file, text):
    own["JWT_ENCRYPTION_KEY_FILE"] = secret_file(text.encode())

    with pytest.raises(ImproperlyConfigured, match=r"^JWT_ENCRYPTION_KEY has commas, and nothing between them$"):
        environment.read_list("JWT_ENCRYPTION_KEY")


def test_a_file_may_say_what_the_variable_says(own, secret_file):
    own |= {"SECRET_KEY": "same", "SECRET_KEY_FILE": secret_file(b"same\n")}

    assert environment.read_text("SECRET_KEY") == "same"


@pytest.mark.parametrize("given", ["other", "Same", "same same"])
def test_a_file_that_says_something_else_stops_the_start(own, secret_file, given):
    own |= {"SECRET_KEY": given, "SECRET_KEY_FILE": secret_file(b"same\n")}

    with pytest.raises(ImproperlyConfigured, match=r"^SECRET_KEY and SECRET_KEY_FILE differ: set one of them$"):
        environment.read_text("SECRET_KEY")


def test_a_file_that_is_no_text_stops_the_start_and_is_not_quoted(own, secret_file):
    own["SECRET_KEY_FILE"] = secret_file(b"secret \xff")

    with pytest.raises(ImproperlyConfigured, match=r"is not UTF-8$") as caught:
        environment.read_text("SECRET_KEY")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", ["flase", "ture", "2", "of", "-", "on off"])
def test_a_misspelt_flag_stops_the_start(own, text):
    own["DEBUG"] = text

    with pytest.raises(ImproperlyConfigured, match=r"^DEBUG must be on or off"):
        environment.read_flag("DEBUG", default=True)


@pytest.mark.parametrize(("text", "flag"), [("on", True), ("True", True), ("1", True), ("OFF", False), ("", False)])
def test_a_flag_is_on_or_off(own, text, flag):
    own["DEBUG"] = text

    assert environment.read_flag("DEBUG", default=not flag) is flag


def test_what_the_process_was_given_wins_over_the_dotenv_in_either_form(own, tmp_path, secret_file, monkeypatch):
    monkeypatch.setattr(environment.DotEnv, "ENVIRON", {})
    (tmp_path / ".env").write_text("# ours\nSECRET_KEY=$mine\nexport ISSUER='http://a'\n\nDEBUG_FILE=/nowhere\n")
    own |= {"SECRET_KEY_FILE": secret_file(b"given"), "DEBUG": "off"}

    environment.load_dotenv(tmp_path / ".env")

    assert environment.read_text("SECRET_KEY") == "given"
    assert environment.read_text("ISSUER") == "http://a"
    assert environment.read_flag("DEBUG", default=True) is False


@pytest.mark.parametrize("line", ["SECRET_KEY = key", "SECRET_KEY", "SECRET KEY=key", " SECRET_KEY=key"])
def test_a_line_of_the_dotenv_that_says_nothing_stops_the_start(tmp_path, line):
    (tmp_path / ".env").write_text(f"\n{line}\n")

    with pytest.raises(ImproperlyConfigured, match=r"^Line 2 of .env is not NAME=value$"):
        environment.load_dotenv(tmp_path / ".env")


def test_another_process_is_given_a_value_whatever_stood_there(own):
    own |= {"DATABASE_URL_FILE": "/nowhere", "SECRET_KEY": "ours"}

    child = environment.for_child(DATABASE_URL="sqlite:///a", SECRET_KEY_FILE="/b")

    assert child == dict(os.environ) | {
        "DATABASE_URL_FILE": "",
        "EVENTS_DATABASE_URL": "",
        "EVENTS_DATABASE_URL_FILE": "",
        "SECRET_KEY": "",
        "DATABASE_URL": "sqlite:///a",
        "SECRET_KEY_FILE": "/b",
    }


EVENTS = "postgres://shop_events@db/shop"


@pytest.mark.parametrize(
    ("given", "values", "wanted"),
    [
        ({"EVENTS_DATABASE_URL": EVENTS}, {"DATABASE_URL": "postgres://orders@db/orders"}, ""),
        ({"EVENTS_DATABASE_URL_FILE": "/run/secrets/events"}, {"DATABASE_URL": "sqlite://:memory:"}, ""),
        ({"EVENTS_DATABASE_URL": EVENTS}, {"SERVICES": "orders"}, EVENTS),
        ({}, {"DATABASE_URL": "postgres://shop@db/shop", "EVENTS_DATABASE_URL": EVENTS}, EVENTS),
    ],
)
def test_another_database_is_not_reached_by_the_second_role_of_ours(own, given, values, wanted):
    own |= given

    child = environment.for_child(**values)

    assert (child.get("EVENTS_DATABASE_URL"), child.get("EVENTS_DATABASE_URL_FILE", "")) == (wanted, "")


FORM = "DATABASE_URL must be like postgres://user:password@host:5432/name or sqlite:///file"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgers://me@db/tessera", FORM),
        ("mysql://me@db/tessera", FORM),
        ("postgres://me:pass/word@db/tessera", FORM),
        ("postgres://me:word@db:port/tessera", FORM),
        ("postgres://me:word@db", FORM),
        ("sqlite://var/shop.sqlite3", FORM),
        ("sqlite:///", FORM),
        ("sqlite:///shop.sqlite3?timeout=20", "DATABASE_URL: SQLite takes no timeout here"),
        ("postgres://me:word@db/tessera?connect_timeout=3s", "DATABASE_URL: connect_timeout must be a whole number"),
        ("postgres://me:word@db/tessera?conn_max_age=-1", "DATABASE_URL: conn_max_age must be a whole number"),
        ("postgres://me:word@db/tessera?prepare_threshold=word", "DATABASE_URL: prepare_threshold must be a whole"),
        ("postgres://me:word@db/tessera?atomic_requests=on", "DATABASE_URL: atomic_requests cannot be set"),
        ("postgres://me:word@db/tessera?pool=true", 'DATABASE_URL: invalid connection option "pool"'),
        ("postgres://me:word@db/tessera?sslmode=requrie", "DATABASE_URL: sslmode must be one of disable"),
        ("postgres://me:word@db/tessera?sslmod=require", 'DATABASE_URL: invalid connection option "sslmod"'),
        ("postgres://me:word@db/tessera?pooler=statement", "DATABASE_URL: pooler must be transaction or session, not"),
        ("postgres://me:word@db/tessera?pooler=transaction&options=-cjit%3Don", "DATABASE_URL: options cannot be set"),
        ("postgres://me:word@db/tessera?pooler=transaction&assume_role=me", "DATABASE_URL: assume_role cannot be set"),
        ("", FORM),
    ],
)
def test_a_database_that_cannot_be_meant_stops_the_start_and_its_password_is_not_quoted(own, url, complaint):
    own["DATABASE_URL"] = url

    with pytest.raises(ImproperlyConfigured) as caught:
        environment.read_database("DATABASE_URL", default="")
    assert str(caught.value).startswith(complaint)
    assert "word" not in f"{caught.value} {caught.value.__cause__}".replace("password", "")


def test_how_a_database_is_reached_by_tls_is_in_its_address(own):
    own["DATABASE_URL"] = "postgres://me:p%40ss@db/tessera?sslmode=verify-full&sslrootcert=system"

    database = environment.read_database("DATABASE_URL", default="")

    assert database["OPTIONS"] == {"sslmode": "verify-full", "sslrootcert": "system"}
    assert (database["HOST"], database["PASSWORD"]) == ("db", "p@ss")


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (environment.read_email, "smpt://mail.example"),
        (environment.read_email, "smtp://mail.example:port"),
        (environment.read_email, "smtp+tls://"),
        (environment.read_email, ""),
        (environment.read_email, "smtp://mail.example:0"),
        (environment.read_email, "smtp://mail example"),
        (environment.read_email, "smtp://mail.example/inbox"),
        (environment.read_email, "smtp://mail.example?ssl=maybe"),
        (environment.read_sender, "Shop"),
        (environment.read_sender, "a@shop.example, b@shop.example"),
        (environment.read_sender, "Shop <a@shop.example"),
        (environment.read_sender, "a@shop.example, "),
        (environment.read_sender, "Shop <a@shop.example>;"),
        (environment.read_sender, "a@shop.example\nBcc: b@shop.example"),
        (environment.read_sender, ""),
        (environment.read_origin, "https://shop.example:99999"),
        (environment.read_origin, "https://shop.example:0"),
        (environment.read_origin, "https://..."),
        (environment.read_origin, "https://-shop.example"),
        (environment.read_origin, "https://[:::::]"),
        (environment.read_origin, "https://999.1.1.1"),
        (environment.read_origin, "ftp://shop.example"),
        (environment.read_hosts, "shop..example"),
        (environment.read_hosts, "."),
        (environment.read_hosts, "[::1"),
        (environment.read_hosts, "https://shop.example"),
        (environment.read_hosts, "shop.example, shop.example:443"),
        (environment.read_origins, "https://app.example/"),
        (environment.read_origins, "https://app.example; https://b.example/"),
        (environment.read_origins, "app.example"),
        (environment.read_origins, "*"),
        (environment.read_origins, "https://*.app.example"),
        (environment.read_origins, "https://App.example"),
        (environment.read_origins, "https://app.example:443"),
        (environment.read_origins, "https://me@app.example"),
        (environment.read_count, "1" * 30),
    ],
)
def test_what_cannot_be_meant_stops_the_start(own, read, text):
    own["NAME"] = text
    default = [] if read is environment.read_origins else [""]

    with pytest.raises(ImproperlyConfigured, match=r"^NAME must be "):
        read("NAME", *default)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (environment.read_origin, "https://xn--mnchen-3ya.example:65535"),
        (environment.read_origin, "http://10.0.0.7:8000"),
        (environment.read_origin, "http://[fd00::7]:8000"),
        (environment.read_sender, "no-reply@localhost"),
        (environment.read_sender, '"Shop, Inc." <no-reply@shop.example>'),
        (environment.read_sender, "Über <no-reply@shop.example>"),
    ],
)
def test_what_can_be_meant_is_taken_as_it_stands(own, read, text):
    own["NAME"] = text

    assert read("NAME", "") == text


@pytest.mark.parametrize(
    ("origins", "hosts"),
    [("null, https://app.example:8443", "*"), ("capacitor://localhost, http://[::1]:5173", ".Shop.example, [::1]")],
)
def test_lists_of_origins_and_hosts_are_taken_as_they_stand(own, origins, hosts):
    own |= {"ORIGINS": origins, "HOSTS": hosts}

    assert ", ".join(environment.read_origins("ORIGINS")) == origins
    assert ", ".join(environment.read_hosts("HOSTS", [])) == hosts


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("shop.localhost", True),
        ("127.0.0.2", True),
        ("0.0.0.0", True),
        ("[::1]", True),
        ("10.0.0.7", False),
        ("localhost.example", False),
    ],
)
def test_whether_a_host_is_this_machine_to_everybody(host, local):
    assert environment.is_local(host) is local


@pytest.mark.parametrize(("text", "complaint"), [("21", "at most 20, not 21"), ("-0", "a whole number, zero or more")])
def test_a_count_has_an_end(own, text, complaint):
    own["PROXIES"] = text

    with pytest.raises(ImproperlyConfigured, match=f"^PROXIES must be {complaint}"):
        environment.read_count("PROXIES", 0, most=20)


@pytest.mark.parametrize(
    ("host", "options", "found"),
    [
        ("db", {}, ["tessera.W003"]),
        ("db", {"sslmode": "require"}, ["tessera.W003"]),
        ("10.0.0.7", {"sslmode": "prefer"}, ["tessera.W003"]),
        ("db", {"sslmode": "verify-full"}, []),
        ("", {}, []),
        ("/run/postgresql", {}, []),
        ("127.0.0.1", {}, []),
    ],
)
def test_the_deployment_check_wants_the_server_of_a_database_to_prove_who_it_is(monkeypatch, host, options, found):
    database = {"ENGINE": "database.postgresql", "HOST": host, "OPTIONS": options}
    monkeypatch.setattr(checks, "settings", SimpleNamespace(DATABASES={"default": database}))

    assert [message.id for message in checks.check_sslmode()] == found


@pytest.mark.parametrize(("own", "said"), [({"SECRET_KEY_FALLBACKS": "old"}, True), ({}, False)])
def test_the_development_key_is_not_used_in_silence_beside_those_of_a_shop(own, said):
    command = [sys.executable, "manage.py", "check"]

    done = subprocess.run(command, cwd=settings.BASE_DIR, env=CLEAN | own, capture_output=True, text=True, check=True)

    assert ("SECRET_KEY is not set, though SECRET_KEY_FALLBACKS is" in done.stderr) is said
