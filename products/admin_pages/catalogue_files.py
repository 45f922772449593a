"""Import and export in the admin: a file is checked and shown first, and written when that is confirmed."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from database.csv_writing import PLAIN, Form, stream_csv
from products.csv_files import uploads
from products.csv_files.exporting import export_products
from products.csv_files.importing import OnExisting
from products.csv_files.presets import PRESETS
from products.csv_files.rows import FIELDS, MAX_ON_HAND
from products.csv_files.uploads import MAX_FILE, State
from products.models import Product, UploadedFile
from tokens.user import current_user
from wire.admin.pages import section_page
from wire.money import CURRENCIES

SHOPS = [("", "Tessera, or a spreadsheet"), *((name, preset.shop) for name, preset in PRESETS.items())]
DELIMITERS = [("", "Found out"), (",", "Comma"), (";", "Semicolon"), ("\t", "Tab"), ("|", "Pipe")]
DECIMALS = [("", "Only what cannot be mistaken"), (".", "1,234.50"), (",", "1.234,50")]
CODES = [("", "As it says; else EUR"), *((code, code) for code in sorted(CURRENCIES))]
STOCK = [
    (OnExisting.KEEP, "Leave the stock of products that are there alone"),
    (OnExisting.SET, "Set the stock of products that are there to the file's number"),
    (OnExisting.ADD, "Add the file's number to the stock of products that are there"),
]


class UploadForm(forms.Form):
    """A file, and how it is to be read; the options of `manage.py import_products`."""

    file = forms.FileField(
        max_length=200,
        help_text=f"CSV, plain or gzipped, at most {MAX_FILE // 1024 // 1024} MB. Nothing is written yet.",
    )
    preset = forms.ChoiceField(label="Written by", choices=SHOPS, required=False)
    on_existing = forms.ChoiceField(label="Stock", choices=STOCK, help_text="The report calls this --stock.")
    on_hand = forms.IntegerField(
        label="On hand",
        min_value=0,
        max_value=MAX_ON_HAND,
        required=False,
        help_text="Of new products of which the file does not say it. The report calls this --on-hand.",
    )
    currency = forms.ChoiceField(choices=CODES, required=False, help_text="The report calls this --currency.")
    decimal = forms.ChoiceField(
        label="Decimals", choices=DECIMALS, required=False, help_text="The report calls this --decimal."
    )
    delimiter = forms.ChoiceField(label="Between cells", choices=DELIMITERS, required=False)
    encoding = forms.CharField(max_length=40, required=False, help_text="Found out where it is left empty.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in FIELDS:
            self.fields[f"column_{name}"] = forms.CharField(
                label=f"Column of {name}", max_length=100, required=False, help_text="Where it is not called so."
            )

    @property
    def column_fields(self) -> list[forms.BoundField]:
        return [self[f"column_{name}"] for name in FIELDS]

    @property
    def option_fields(self) -> list[forms.BoundField]:
        return [field for field in self if not field.name.startswith("column_")]

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_FILE:
            raise forms.ValidationError("The file is larger than 10 MB: split it, or import it on the command line.")

        return file

    @property
    def options(self) -> dict[str, Any]:
        """The options as `uploads.keep_upload` takes them."""
        named = {name: self.cleaned_data[f"column_{name}"] for name in FIELDS}
        plain = {name: value for name, value in self.cleaned_data.items() if not name.startswith("column_")}
        plain.pop("file")
        return plain | {"columns": {name: column for name, column in named.items() if column}}


def urls() -> list[URLPattern]:
    """The addresses below the list of products."""
    return [
        path("import/", section_page("products", send_file), name="products_product_import"),
        path("import/<uuid:upload_id>/", section_page("products", look_at_file), name="products_product_uploaded"),
        path("export/", section_page("products", export, query=["spreadsheet"]), name="products_product_export"),
    ]


def send_file(request: HttpRequest) -> HttpResponse:
    """The page on which a file is sent."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        upload = uploads.keep_upload(file.name, file.read(), form.options, by=current_user(request))
        uploads.advance(upload.pk, seconds=uploads.IN_REQUEST)
        return redirect_to(upload.pk)

    return render(request, "import", {"title": "Import products", "form": form})


send_file.max_file = MAX_FILE  # type: ignore[attr-defined]


def look_at_file(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """What a file would do, or did; sent as a form, it does it."""
    upload = UploadedFile.objects.defer("content").filter(pk=upload_id).first()
    if upload is None:
        raise Http404
    if request.method != "POST":
        return render(request, "uploaded", {"title": f"Import {upload.name}", "upload": upload, "State": State})

    if uploads.confirm(upload_id):
        uploads.advance(upload_id, seconds=uploads.IN_REQUEST)
    elif upload.state == State.WRITTEN:
        messages.info(request, "This file was written already; nothing was done again.")
    return redirect_to(upload_id)


def export(request: HttpRequest) -> StreamingHttpResponse:
    """The catalogue as a file."""
    form = Form(for_spreadsheet=True) if "spreadsheet" in request.GET else PLAIN
    headers = {"Content-Disposition": 'attachment; filename="products.csv"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(stream_csv(export_products(form), form), "text/csv; charset=utf-8", headers=headers)


def redirect_to(upload_id: UUID) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:products_product_uploaded", args=[upload_id]))


def render(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    shared = {**admin.site.each_context(request), "opts": Product._meta}
    return TemplateResponse(request, f"admin/products/product/{name}.html", {**shared, **context})
