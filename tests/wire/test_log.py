"""A line in the log says what was asked for, and nothing that opens anything."""

import pytest

pytestmark = pytest.mark.django_db


def logged(caplog):
    return [record.msg["request"] for record in caplog.records if "request" in getattr(record, "msg", ())]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/healthz", "GET /healthz"),
        ("/healthz?access_token=abc.def.ghi", "GET /healthz"),
        ("/password-reset/MQ/abc-def/", "GET /password-reset/***/"),
        ("/password-reset/MQ/abc-def", "GET /password-reset/***/"),
        ("/password-reset/MQ/abc-def/more", "GET /password-reset/***/"),
        ("/password-reset/", "GET /password-reset/"),
        ("/password-reset/sent/", "GET /password-reset/sent/"),
    ],
)
def test_a_line_holds_method_and_path_and_no_secret(client, caplog, path, line):
    caplog.set_level("INFO")

    client.get(path)

    assert logged(caplog) == [line]
