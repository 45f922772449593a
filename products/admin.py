"""Products in the admin: what there is, how much of it, and what is held."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from products import catalogue, stock
from products.models import Event, Movement, Product, ProductQuerySet, Reservation, ReservationLine, Stock
from products.problems import PROBLEMS
from tokens.user import current_user
from wire.admin import EventAdmin, EventedAdmin, QuestionFilter, ReadOnlyAdmin, ReadOnlyInline
from wire.money import write_amount

LATEST_MOVEMENTS = 10
MAX_CORRECTION = 1_000_000_000

admin.site.register(Event, EventAdmin)


class Availability(QuestionFilter):
    """Whether any is left to be ordered."""

    title, parameter_name = "availability", "available"
    questions = {"yes": ("In stock", ProductQuerySet.in_stock), "no": ("Sold out", ProductQuerySet.sold_out)}


class ProductForm(forms.ModelForm):
    """A product without its counters, as it was when the form was opened."""

    opened_at = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Product
        fields = ["sku", "name", "description", "category", "price", "currency", "active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["opened_at"].initial = self.instance.version

    def clean_opened_at(self) -> int | None:
        """The version that the form was filled in for."""
        version: int | None = self.cleaned_data["opened_at"]
        if not self.instance._state.adding and version != self.instance.version:
            raise forms.ValidationError("It was changed by somebody else meanwhile. Load it again and retry.")

        return version


class CorrectionForm(forms.Form):
    """More or less on hand, and why."""

    change = forms.IntegerField(
        min_value=-MAX_CORRECTION, max_value=MAX_CORRECTION, help_text="Units to add; negative to take away."
    )
    reason = forms.CharField(max_length=200, help_text="Such as: delivery, breakage, count.")

    def clean_change(self) -> int:
        change: int = self.cleaned_data["change"]
        if change == 0:
            raise forms.ValidationError("Nothing would change.")

        return change


@admin.register(Product)
class ProductAdmin(EventedAdmin):
    """Products; their stock is shown, and corrected on a page of its own."""

    form = ProductForm
    list_display = ["sku", "name", "category", "amount", "currency", "on_hand", "reserved", "available", "active"]
    list_filter = ["active", Availability, "category", "currency"]
    list_display_links = ["sku", "name"]
    search_fields = ["search_key"]
    search_help_text = "Words of the name or SKU."
    actions = ["retire", "put_on_sale"]
    readonly_fields = ["id", "version", "created_at", "counters", "latest_movements"]
    fieldsets = [
        (None, {"fields": ["sku", "name", "description", "category", "price", "currency", "active", "opened_at"]}),
        ("Stock", {"fields": ["counters", "latest_movements"]}),
        ("Record", {"fields": ["id", "version", "created_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).select_related("stock")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.fieldsets[:1]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return queryset.matching(search_term), False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="price", ordering="price")
    def amount(self, product: Product) -> str:
        return write_amount(product.price, product.currency)

    @admin.display(ordering="stock__on_hand")
    def on_hand(self, product: Product) -> int:
        return product.stock.on_hand

    @admin.display(ordering="stock__reserved")
    def reserved(self, product: Product) -> int:
        return product.stock.reserved

    @admin.display(ordering=F("stock__on_hand") - F("stock__reserved"))
    def available(self, product: Product) -> int:
        return product.stock.available

    @admin.display(description="on hand")
    def counters(self, product: Product) -> SafeString:
        address = reverse("admin:products_product_correct", args=[product.pk])
        return format_html(
            '{}, {} available. <a href="{}">Correct stock</a>', product.stock, self.available(product), address
        )

    @admin.display(description="latest movements")
    def latest_movements(self, product: Product) -> SafeString:
        movements = product.movements.all()[:LATEST_MOVEMENTS]
        rows = format_html_join("", MOVEMENT_ROW, map(movement_cells, movements))
        address = reverse("admin:products_movement_changelist")
        return format_html(
            '<table><thead>{}</thead><tbody>{}</tbody></table><a href="{}?product__id__exact={}">All movements</a>',
            MOVEMENT_HEAD,
            rows,
            address,
            product.pk,
        )

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Write what was changed in the form and nothing else, and the version with it."""
        by, fields = current_user(request), dict(form.cleaned_data)
        opened_at = fields.pop("opened_at")
        if change:
            changes = {name: fields[name] for name in form.changed_data if name in fields}
            catalogue.change_product(obj.pk, changes, by=by, versions={opened_at})
        else:
            catalogue.create_product(fields, by=by, product_id=obj.pk)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Nothing: the catalogue has recorded it."""

    log_change = log_addition

    @admin.action(description="Retire the selected products", permissions=["change"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self.set_active(request, queryset, active=False)

    @admin.action(description="Put the selected products on sale", permissions=["change"])
    def put_on_sale(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self.set_active(request, queryset, active=True)

    def set_active(self, request: HttpRequest, queryset: QuerySet[Product], *, active: bool) -> None:
        ids = list(queryset.exclude(active=active).values_list("pk", flat=True))
        for product_id in ids:
            catalogue.change_product(product_id, {"active": active}, by=current_user(request))
        self.message_user(request, f"{len(ids)} products changed.")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.correct)
        return [path("<path:object_id>/correct/", view, name="products_product_correct"), *super().get_urls()]

    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page on which stock is corrected; outside the admin's own transaction."""
        product = self.get_object(request, unquote(object_id))
        if product is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        if not self.has_change_permission(request, product):
            raise PermissionDenied

        form = CorrectionForm(request.POST or None)
        if form.is_valid() and correct_stock(form, product.pk, request):
            self.message_user(request, f"The stock of {product} was corrected.", messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:products_product_change", args=[product.pk]))

        context = {**self.admin_site.each_context(request), "title": f"Correct the stock of {product}"}
        context |= {"form": form, "object": product, "opts": self.opts}
        return TemplateResponse(request, "admin/products/product/correct_stock.html", context)


MOVEMENT_HEAD = format_html_join(
    "", '<th scope="col">{}</th>', [[name] for name in ("at", "kind", "on hand", "reserved", "why", "who")]
)
MOVEMENT_ROW = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"


def movement_cells(movement: Movement) -> list[Any]:
    """A movement as a row: when, what, how much, why and who."""
    at = f"{movement.at:%Y-%m-%d %H:%M}"
    why = movement.reason or (f"order {movement.reservation_id}" if movement.reservation_id else "")
    return [at, movement.kind, f"{movement.on_hand:+d}", f"{movement.reserved:+d}", why, movement.sub or "orders"]


def correct_stock(form: CorrectionForm, product_id: UUID, request: HttpRequest) -> bool:
    """Correct the stock as the form says; or say in the form why not."""
    try:
        stock.correct(product_id, **form.cleaned_data, by=current_user(request))
    except stock.BelowReserved as error:
        form.add_error("change", PROBLEMS[type(error)].detail)
        return False

    return True


class ProductRelatedAdmin(ReadOnlyAdmin):
    """A list about products, found by their words."""

    list_select_related = ["product"]
    search_fields = ["product__search_key"]
    search_help_text = "Words of the name or SKU of the product."

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        matching = queryset.filter(product__in=Product.objects.matching(search_term)) if search_term else queryset
        return matching, False


@admin.register(Stock)
class StockAdmin(ProductRelatedAdmin):
    """How much there is; changed by orders and by corrections, never here."""

    list_display = fields = readonly_fields = ("product", "on_hand", "reserved", "available")
    ordering = ["product__search_key"]


@admin.register(Movement)
class MovementAdmin(ProductRelatedAdmin):
    """The ledger of stock."""

    list_display = fields = readonly_fields = ("at", "product", "kind", "on_hand", "reserved", "order", "reason", "sub")
    list_filter = ["kind", "at"]

    @admin.display(description="order")
    def order(self, movement: Movement) -> str:
        return link_order(movement.reservation_id) if movement.reservation_id else "-"


class LineInline(ReadOnlyInline):
    """What is held."""

    model = ReservationLine
    fields = readonly_fields = ("sku", "name", "quantity", "unit_price", "currency")


class MovementInline(ReadOnlyInline):
    """What it did to stock."""

    model = Movement
    fields = readonly_fields = ("at", "kind", "product", "on_hand", "reserved")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Movement]:
        return super().get_queryset(request).select_related("product")


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    """What is or was held for orders."""

    list_display = ["order_id", "state", "created_at", "changed_at"]
    list_filter = ["state", "created_at"]
    search_fields = ["=order_id"]
    search_help_text = "The id of an order."
    fields = readonly_fields = ("order", "state", "created_at", "changed_at")
    inlines = [LineInline, MovementInline]

    @admin.display(description="order")
    def order(self, reservation: Reservation) -> str:
        return link_order(reservation.order_id)


def link_order(order_id: UUID) -> SafeString:
    """The order in its own section, wherever that is served."""
    return format_html('<a href="/admin/orders/order/{}/change/">{}</a>', order_id, order_id)
