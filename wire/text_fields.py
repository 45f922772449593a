"""Columns and fields of forms whose text is brought into its normal form (`wire.text`) wherever it comes from."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import models

from wire.text import NormalForm, TextRefused, email, line, lines

MAX_LOCAL = 64
"""Characters before the @."""


def normalize(text: str, normal_form: NormalForm) -> str:
    """A text in its normal form; raises Django's `ValidationError` for one that is refused."""
    try:
        return normal_form(text)
    except TextRefused as error:
        raise ValidationError(str(error), code="text_refused") from error


class EmailAddressValidator(EmailValidator):
    """Refuses what is no e-mail address in its normal form: a domain is in ASCII by then, or none that can be.

    Refused as well are a quoted part before the @ and an IP address after it, which have several spellings each, and
    what is too long for any server (RFC 5321 4.5.3.1).
    """

    def __call__(self, value: str | None) -> None:
        super().__call__(value)
        local = (value or "").rpartition("@")[0]
        if value and (not value.isascii() or len(local) > MAX_LOCAL or '"' in local or value.endswith("]")):
            raise ValidationError(self.message, code=self.code)


class FormText(forms.CharField):
    """A field of a form whose text is in its normal form before its length is looked at."""

    def __init__(self, *, normal_form: NormalForm = line, **kwargs: Any) -> None:
        # What is stripped is for the normal form to say: to Python some controls are white space.
        super().__init__(**{"strip": False, **kwargs})
        self.normal_form = normal_form

    def to_python(self, value: Any) -> Any:
        return normalize(super().to_python(value) or "", self.normal_form)


class FormEmail(FormText):
    """A field of a form for an e-mail address."""

    widget = forms.EmailInput
    default_validators = [EmailAddressValidator()]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"normal_form": email, "max_length": 254, **kwargs})


class NormalText:
    """A column whose text is written in its normal form, whoever writes it: `save`, in bulk, or `update`.

    Forms and `clean_fields` say which text is refused; a row older than that rule is written as it stands.
    To migrations it is the column of Django's that it stands on.
    """

    def __init__(self, *args: Any, normal_form: NormalForm, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.normal_form = normal_form

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()  # type: ignore[misc]
        return name, f"django.db.models.{find_base(self).__name__}", args, kwargs

    def clone(self) -> Any:
        _, _, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs, normal_form=self.normal_form)

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        plain = normalize(value, self.normal_form) if isinstance(value, str) else value
        return super().clean(plain, model_instance)  # type: ignore[misc]

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.in_normal_form(super().pre_save(model_instance, add))  # type: ignore[misc]
        setattr(model_instance, self.attname, value)  # type: ignore[attr-defined]
        return value

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return super().get_db_prep_save(self.in_normal_form(value), connection)  # type: ignore[misc]

    def in_normal_form(self, value: Any) -> Any:
        try:
            return self.normal_form(value) if isinstance(value, str) else value
        except TextRefused:
            return value

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": FormText, "normal_form": self.normal_form, **kwargs})  # type: ignore[misc]


class DerivedText:
    """A column that follows from others of its row: `derive` is asked whenever it is written by `save` or in bulk.

    To migrations it is the column of Django's that it stands on.
    """

    def __init__(self, *args: Any, derive: Callable[[Any], str | None], **kwargs: Any) -> None:
        super().__init__(*args, **{"editable": False, **kwargs})
        self.derive = derive

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()  # type: ignore[misc]
        return name, f"django.db.models.{find_base(self).__name__}", args, kwargs

    def clone(self) -> Any:
        _, _, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs, derive=self.derive)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.derive(model_instance)
        setattr(model_instance, self.attname, value)  # type: ignore[attr-defined]
        return value


def find_base(field: Any) -> type:
    """The column of Django's that one of ours stands on."""
    return next(kind for kind in type(field).__mro__ if kind.__module__.startswith("django."))


class DerivedLine(DerivedText, models.CharField):
    """A short one."""


class DerivedLines(DerivedText, models.TextField):
    """A long one."""


class LineField(NormalText, models.CharField):
    """A column of one line, or of something that things are known by."""

    def __init__(self, *args: Any, normal_form: NormalForm = line, **kwargs: Any) -> None:
        super().__init__(*args, normal_form=normal_form, **kwargs)


class EmailField(NormalText, models.EmailField):
    """A column of e-mail addresses."""

    default_validators = [EmailAddressValidator()]

    def __init__(self, *args: Any, normal_form: NormalForm = email, **kwargs: Any) -> None:
        super().__init__(*args, normal_form=normal_form, **kwargs)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": FormEmail, **kwargs})


class LinesField(NormalText, models.TextField):
    """A column of many lines."""

    def __init__(self, *args: Any, normal_form: NormalForm = lines, **kwargs: Any) -> None:
        super().__init__(*args, normal_form=normal_form, **kwargs)
