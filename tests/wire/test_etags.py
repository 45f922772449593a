"""`If-Match` compares the version alone, and takes the list of tags that RFC 9110 describes."""

import pytest
from rest_framework.request import Request

from wire.api.etags import expected_versions, write_etag
from wire.api.problems import Problem


def sent(rf, header):
    return Request(rf.patch("/", headers={"If-Match": header}))


def test_a_tag_is_a_version_and_what_else_differs():
    assert write_etag(7, 120, 4) == '"7.120.4"'


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        ("", None),
        ("*", None),
        ('"7"', {7}),
        ('"7.120.4"', {7}),
        ('W/"7"', set()),
        ('W/"6", "7"', {7}),
        ('"6",W/"7.1.0"', {6}),
        ('"6", "7.1.0"', {6, 7}),
        ('"abc"', set()),
        ('""', set()),
        (f'"{"9" * 30}"', set()),
    ],
)
def test_the_version_of_each_tag_is_expected(rf, header, versions):
    assert expected_versions(sent(rf, header)) == versions


@pytest.mark.parametrize("header", ["7", '"7', '"7" "8"', "'7'"])
def test_what_is_no_list_of_tags_is_refused(rf, header):
    with pytest.raises(Problem, match="entity tags"):
        expected_versions(sent(rf, header))
