"""Products in the admin: what there is, how much of it, and what is held."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import display_for_value, unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from products import catalogue, stock
from products.admin_pages import catalogue_files, stock_counts
from products.models import Event, Movement, Product, ProductQuerySet, Reservation, ReservationLine, Stock
from products.problems import PROBLEMS
from products.stock_count import MAX_COUNTED
from tokens.user import current_user
from wire.admin.forms import CheckedForm
from wire.admin.links import link_person, link_section, may_open
from wire.admin.lists import MAX_ROWS, Days, OneOf, StoredValues
from wire.admin.sections import EventAdmin, EventedAdmin, QuestionFilter, ReadOnlyAdmin, ReadOnlyInline
from wire.money import write_amount
from wire.text import read_id
from wire.text_fields import FormText

LATEST_MOVEMENTS = 10
MAX_CORRECTION = 1_000_000_000

admin.site.register(Event, EventAdmin)


class Availability(QuestionFilter):
    """Whether any is left to be ordered."""

    title, parameter_name = "availability", "available"
    questions = {
        "yes": ("In stock", ProductQuerySet.in_stock),
        "low": ("Low", ProductQuerySet.low),
        "no": ("Sold out", ProductQuerySet.sold_out),
    }


class ProductForm(CheckedForm):
    """A product without its counters."""

    class Meta:
        model = Product
        fields = ["sku", "name", "description", "category", "price", "currency", "low_stock", "active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(price := self.initial.get("price"), Decimal):
            self.initial["price"] = Decimal(write_amount(price, self.instance.currency))


class CorrectionForm(forms.Form):
    """More or less on hand, and why."""

    change = forms.IntegerField(
        min_value=-MAX_CORRECTION, max_value=MAX_CORRECTION, help_text="Units to add; negative to take away."
    )
    reason = FormText(max_length=200, help_text="Such as: delivery, breakage, count.")

    def clean_change(self) -> int:
        change: int = self.cleaned_data["change"]
        if change == 0:
            raise forms.ValidationError("Nothing would change.")

        return change


@admin.register(Product)
class ProductAdmin(EventedAdmin):
    """Products; their stock is shown, and corrected on a page of its own."""

    form = ProductForm
    list_display = ["sku", "name", "category", "amount", "on_hand", "reserved", "available", "low_stock", "active"]
    list_filter = ["active", Availability, ("category", StoredValues), "currency"]
    list_display_links = ["sku", "name"]
    search_fields = ["search_key"]
    search_help_text = "Words of the name, SKU or description."
    actions = ["retire", "put_on_sale", "count_stock"]
    readonly_fields = ["id", "version", "created_at", "counters", "latest_movements", "orders_of"]
    fieldsets = [
        (None, {"fields": [*ProductForm.Meta.fields]}),
        ("Stock", {"fields": ["counters", "latest_movements"]}),
        ("Record", {"fields": ["orders_of", "id", "version", "created_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).select_related("stock")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.fieldsets[:1]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return (queryset.matching(search_term) if search_term else queryset), False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="price", ordering="price")
    def amount(self, product: Product) -> str:
        return f"{write_amount(product.price, product.currency)} {product.currency}"

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

    @admin.display(description="orders")
    def orders_of(self, product: Any) -> str:
        return link_section(product.seen_by, f"orders/order/?product={product.pk}", "Orders of this product")

    @admin.display(description="latest movements")
    def latest_movements(self, product: Any) -> SafeString:
        movements = product.movements.all()[:LATEST_MOVEMENTS]
        rows = format_html_join("", MOVEMENT_ROW, (movement_cells(one, product.seen_by) for one in movements))
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
        by, fields = current_user(request), {name: form.cleaned_data[name] for name in ProductForm.Meta.fields}
        try:
            if change:
                changes = {name: fields[name] for name in form.changed_data if name in fields}
                catalogue.change_product(obj.pk, changes, by=by)
            else:
                catalogue.create_product(fields, by=by, product_id=obj.pk)
        except catalogue.SkuTaken as error:
            raise ValidationError({"sku": PROBLEMS[type(error)].detail}) from error

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """Nothing: the catalogue has recorded it."""

    log_change = log_addition

    @admin.action(description="Retire the selected products", permissions=["change"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self.set_active(request, queryset, active=False)

    @admin.action(description="Put the selected products on sale", permissions=["change"])
    def put_on_sale(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self.set_active(request, queryset, active=True)

    @admin.action(description="Count the stock of the selected products", permissions=["change"])
    def count_stock(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse | None:
        ids = [str(pk) for pk in queryset.values_list("pk", flat=True)[: MAX_COUNTED + 1]]
        if len(ids) > MAX_COUNTED:
            self.message_user(request, f"A count has at most {MAX_COUNTED} products.", messages.ERROR)
            return None

        query = urlencode({"id": ids}, doseq=True)
        return HttpResponseRedirect(f"{reverse('admin:products_product_count')}?{query}")

    def set_active(self, request: HttpRequest, queryset: QuerySet[Product], *, active: bool) -> None:
        ids = list(queryset.exclude(active=active).values_list("pk", flat=True))
        for product_id in ids:
            catalogue.change_product(product_id, {"active": active}, by=current_user(request))
        if not ids:
            self.message_user(request, "They were so already, and nothing was changed.", messages.WARNING)
            return

        number = f"{len(ids)} product{pluralize(len(ids))}"
        self.message_user(request, f"{number} {'put on sale' if active else 'retired'}.", messages.SUCCESS)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.correct)
        own = [*catalogue_files.urls(), *stock_counts.urls()]
        return [*own, path("<path:object_id>/correct/", view, name="products_product_correct"), *super().get_urls()]

    def correct(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page on which stock is corrected; outside the admin's own transaction."""
        product = self.get_object(request, unquote(object_id))
        if product is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        if not self.has_change_permission(request, product):
            raise PermissionDenied

        form = CorrectionForm(request.POST or None)
        # The key of the page: it counts once, however often it is sent.
        key = read_id(request.POST.get("key", "")) or uuid4()
        if form.is_valid() and (told := correct_stock(form, product, request, key=key)):
            self.message_user(request, *told)
            return HttpResponseRedirect(reverse("admin:products_product_change", args=[product.pk]))

        context = {**self.admin_site.each_context(request), "title": f"Correct the stock of {product}"}
        context |= {"form": form, "key": key, "object": product, "opts": self.opts}
        return TemplateResponse(request, "admin/products/product/correct_stock.html", context)


MOVEMENT_HEAD = format_html_join(
    "", '<th scope="col">{}</th>', [[name] for name in ("When", "Kind", "On hand", "Reserved", "Why", "Who")]
)
MOVEMENT_ROW = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"


def movement_cells(movement: Movement, viewer: Any) -> list[Any]:
    """A movement as a row: when, what, how much, why and who."""
    at, kind = display_for_value(movement.at, ""), movement.get_kind_display()
    order = movement.reservation_id and link_order(viewer, movement.reservation_id, "an order")
    who = link_person(viewer, movement.sub, movement.actor) or "orders"
    return [at, kind, f"{movement.on_hand:+d}", f"{movement.reserved:+d}", movement.reason or order or "", who]


def correct_stock(form: CorrectionForm, product: Product, request: HttpRequest, *, key: UUID) -> tuple[str, int] | None:
    """Correct the stock as the form says, and what to say of it; or say in the form why not."""
    try:
        stock.correct(product.pk, **form.cleaned_data, by=current_user(request), key=key)
    except stock.BelowReserved:
        form.add_error("change", explain_refusal(Stock.objects.get(pk=product.pk), -form.cleaned_data["change"]))
        return None
    except stock.AlreadyCorrected:
        return "This correction was made already; nothing was done again.", messages.INFO

    return f"The stock of {product} was corrected: {Stock.objects.get(pk=product.pk)}.", messages.SUCCESS


def explain_refusal(level: Stock, wanted: int) -> str:
    """Why so many cannot be taken away: there are not so many, or orders hold the rest."""
    if wanted > level.on_hand:
        return f"{wanted:,} cannot be taken away: no more than {level.on_hand:,} are on hand."

    held = f"Orders hold {level.reserved:,} of the {level.on_hand:,} on hand"
    return f"{held}, so no more than {level.available:,} can be taken away. Cancel orders first, or take away fewer."


class ProductRelatedAdmin(ReadOnlyAdmin):
    """A list about products, found by their words."""

    list_select_related = ["product"]
    search_fields = ["product__search_key"]
    search_help_text = "Words of the name, SKU or description of the product."

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The rows of the products with these words, of as many products as can be looked at."""
        if not search_term:
            return queryset, False

        found = Product.objects.matching(search_term).order_by("search_key", "id")
        ids = list(found.values_list("pk", flat=True)[: MAX_ROWS + 1])
        if len(ids) > MAX_ROWS:
            text = f"More than {MAX_ROWS} products have these words; what is shown is about the first of them by name."
            self.message_user(request, text, messages.WARNING)
        return queryset.filter(product__in=ids[:MAX_ROWS]), False


@admin.register(Stock)
class StockAdmin(ProductRelatedAdmin):
    """How much there is; changed by orders and by corrections, never here."""

    list_display = fields = readonly_fields = ("product", "on_hand", "reserved", "available")
    ordering = ["product__search_key"]


@admin.register(Movement)
class MovementAdmin(ProductRelatedAdmin):
    """The ledger of stock."""

    list_display = fields = readonly_fields = ("at", "product", "kind", "on_hand", "reserved", "order", "reason", "who")
    list_filter = [("product", OneOf), "kind", ("at", Days)]
    ordering = ["-at", "-id"]
    sortable_by = ["at"]

    @admin.display(description="order")
    def order(self, movement: Any) -> str:
        return link_order(movement.seen_by, movement.reservation_id, "Order") if movement.reservation_id else "-"

    @admin.display(description="who")
    def who(self, movement: Any) -> str:
        return link_person(movement.seen_by, movement.sub, movement.actor) or "orders"


class LineInline(ReadOnlyInline):
    """What is held."""

    model = ReservationLine
    fields = readonly_fields = ("sku", "article", "quantity", "price")

    @admin.display(description="product")
    def article(self, line: Any) -> str:
        return link_section(line.reservation.seen_by, f"products/product/{line.product_id}/change/", line.name)

    @admin.display(description="price")
    def price(self, line: ReservationLine) -> str:
        return f"{write_amount(line.unit_price, line.currency)} {line.currency}"


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
    list_filter = ["state", ("created_at", Days)]
    sortable_by = ["order_id", "created_at"]
    search_fields = ["=order_id"]
    search_help_text = "The id of an order."
    fields = readonly_fields = ("order", "state", "created_at", "changed_at")
    inlines = [LineInline, MovementInline]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return queryset.filter(pk=read_id(search_term)) if search_term else queryset, False

    @admin.display(description="order")
    def order(self, reservation: Any) -> str:
        address = f"orders/order/{reservation.order_id}/change/"
        return link_section(reservation.seen_by, address, str(reservation.order_id))


def link_order(viewer: Any, order_id: UUID, label: str) -> str:
    """The order in its own section, wherever that is served; what is held for it, for whom that is not open."""
    order = f"orders/order/{order_id}/change/"
    return link_section(viewer, order if may_open(viewer, order) else f"products/reservation/{order_id}/change/", label)
