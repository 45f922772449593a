"""Export of orders in the admin: chosen by time and status, sent as it is read."""

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from database.csv_writing import PLAIN, Form, stream_csv
from orders.csv_export import end_of, export_orders
from orders.lifecycle import Status
from orders.models import Order
from wire.admin.pages import section_page

EXPORTED = ("since", "until", "spreadsheet", "download")
Day = forms.DateInput(attrs={"type": "date"})


class ExportForm(forms.Form):
    """Which orders, and for what; the options of `manage.py export_orders`."""

    since = forms.DateField(required=False, widget=Day, help_text="Orders of this day and later, in UTC.")
    until = forms.DateField(required=False, widget=Day, help_text="Orders up to the end of this day.")
    status = forms.MultipleChoiceField(
        choices=Status.choices, required=False, widget=forms.CheckboxSelectMultiple, help_text="None chosen is all."
    )
    spreadsheet = forms.BooleanField(label="For Excel", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            raise forms.ValidationError("The first day is after the last.")

        return cleaned

    @property
    def chosen(self) -> dict[str, Any]:
        """The arguments of `export_orders`."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return {
            "since": since and datetime.combine(since, time(), UTC),
            "until": until and end_of(until),
            "statuses": self.cleaned_data["status"],
        }


def urls() -> list[URLPattern]:
    """The address below the list of orders."""
    return [
        path("export/", section_page("orders", export, query=EXPORTED, repeated=["status"]), name="orders_order_export")
    ]


def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The page on which orders are chosen; with `download` in the address, the file."""
    form = ExportForm(request.GET if "download" in request.GET else None)
    if not form.is_valid():
        context = {**admin.site.each_context(request), "opts": Order._meta, "title": "Export orders", "form": form}
        return TemplateResponse(request, "admin/orders/order/export.html", context)

    written = Form(for_spreadsheet=True) if form.cleaned_data["spreadsheet"] else PLAIN
    table = export_orders(written, **form.chosen)
    headers = {"Content-Disposition": 'attachment; filename="orders.csv"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(stream_csv(table, written), "text/csv; charset=utf-8", headers=headers)
