"""What holds for the normal form of any text."""

import re
import unicodedata

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")

from hypothesis import example, given
from hypothesis import strategies as st

from wire import text
from wire.search_key import fold
from wire.text import TextRefused

KINDS = [text.line, text.lines, text.identifier, text.password, text.order_number]
CURIOUS = (
    "\u0301\u0308\u0338\u200b\u200c\u200d\u2060\ufe0f\u3099\u0654\u094d\u180b\u00a0\u3000\u2800"
    "\r\n\t\u2028aKé←❤👩🏴क안ﾞｶИ"
)
TEXTS = st.one_of(st.text(), st.text(st.sampled_from(CURIOUS)))


def take(normal_form, typed):
    try:
        return normal_form(typed)
    except TextRefused:
        return None


@pytest.mark.parametrize("normal_form", KINDS)
@given(TEXTS)
@example("\u0344\u200d")
def test_a_normal_form_is_its_own(normal_form, typed):
    taken = take(normal_form, typed)

    assert taken is None or normal_form(taken) == taken


@pytest.mark.parametrize("normal_form", [text.line, text.lines, text.identifier, text.password])
@given(TEXTS)
def test_composed_and_decomposed_letters_are_one_text(normal_form, typed):
    forms = [unicodedata.normalize(form, typed) for form in ("NFC", "NFD")]

    assert take(normal_form, forms[0]) == take(normal_form, forms[1])


@given(TEXTS)
def test_what_is_taken_can_be_stored_and_seen(typed):
    for normal_form in (text.line, text.lines, text.identifier):
        taken = take(normal_form, typed) or ""
        assert not re.search("[\0\ud800-\udfff\ufffe\uffff]", taken)
        assert not taken or text.can_be_seen(taken)
        assert taken == taken.strip()


@given(st.text(), st.text())
def test_any_text_can_be_asked_for_as_an_address(local, domain):
    taken = text.email(f"{local}@{domain}")

    assert not taken.isascii() or text.email(taken) == taken


@given(st.text())
def test_a_key_is_its_own_and_the_same_for_composed_and_decomposed_letters(text):
    assert fold(fold(text)) == fold(text) == fold(unicodedata.normalize("NFD", text))
