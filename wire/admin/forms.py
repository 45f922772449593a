"""Forms of the admin: what a use case refuses is said in the form, and so is what somebody else changed meanwhile."""

import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html

CHANGED_MEANWHILE = "Somebody else changed this while you had it open. Nothing is stored yet."
HOW_TO_GO_ON = format_html(
    'Save again to store what stands below, or <a href="{}">open the page again</a> to drop what you entered.', ""
)
LONGEST_TOLD = 80
"""Characters of a value that are told."""


class CheckedForm(forms.ModelForm):
    """A form that knows what the row was like when it was opened.

    Of two people who edit one row the second is told which fields the first one changed, what they are now and
    what the second entered. The form is then as if it had been opened now: the second one's changes stay in it, in
    the other fields stands what the first one stored, and saving it again stores that.
    """

    opened = forms.CharField(required=False, widget=forms.HiddenInput)
    refusal: ValidationError | None = None
    """What a use case said when the form was to be stored; the admin shows the form once more with it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["opened"] = orjson.dumps(self.digests()).decode()

    def digests(self) -> dict[str, str]:
        """A short hash of each value as it is stored now, by field."""
        columns = {field.name for field in (*self._meta.model._meta.fields, *self._meta.model._meta.many_to_many)}
        return {name: digest(self.initial.get(name)) for name in self.fields if name in columns}

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.instance._state.adding and (changed := self.changed_meanwhile()):
            raise ValidationError([CHANGED_MEANWHILE, *map(self.merge, changed), *self.reopen()])
        if self.refusal:
            raise self.refusal

        return self.cleaned_data

    def opened_digests(self) -> dict[str, str]:
        """The hashes that the form was opened with; none if it does not say."""
        try:
            opened = orjson.loads(self.data.get("opened", ""))
        except ValueError:
            return {}
        return opened if isinstance(opened, dict) else {}

    def changed_meanwhile(self) -> list[str]:
        """The fields that differ from what they were when the form was opened."""
        opened = self.opened_digests()
        return [name for name, now in self.digests().items() if opened.get(name) != now]

    def merge(self, name: str) -> str:
        """What to say of a field that was changed meanwhile; take over its value where the form left it alone."""
        label, now = self[name].label, describe(self.initial.get(name))
        entered = self.cleaned_data.get(name, self[name].data)
        if digest(entered) == digest(self.initial.get(name)):
            return f"{label} is now {now}, as you entered."
        if digest(entered) != self.opened_digests().get(name):
            return f"{label} is now {now}. You entered {describe(entered)}."

        self.enter(name, self.initial.get(name))
        return f"{label} is now {now}."

    def enter(self, name: str, value: Any) -> None:
        """Fill in a field as a browser would."""
        data: Any = self.data
        self.data = data = data.copy()
        data.pop(name, None)
        if isinstance(value, (list, tuple)):
            data.setlist(name, [str(getattr(item, "pk", item)) for item in value])
        elif value is not False:
            data[name] = "on" if value is True else "" if value is None else str(value)

    def reopen(self) -> list[str]:
        self.enter("opened", self.initial["opened"])
        return [HOW_TO_GO_ON]


def is_list(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)


def digest(value: Any) -> str:
    """A short hash of a value, the same for the value of a row and for that of a form which shows it."""
    if is_list(value):
        text = json.dumps(sorted(str(getattr(item, "pk", item)) for item in value))
    elif isinstance(value, Decimal):
        text = str(value.normalize())
    else:
        text = "" if value is None else "\n".join(str(value).split("\r\n")).strip()
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def describe(value: Any) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "on" if value else "off"

    text = ", ".join(sorted(map(str, value))) if is_list(value) else "" if value is None else str(value)
    shown = text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}…"
    return f"“{shown}”" if shown else "empty"
