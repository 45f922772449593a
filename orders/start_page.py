"""What orders has to say on the page that staff begin on."""

from collections import defaultdict
from decimal import Decimal
from functools import partial

from django.db.models import Count, Q, Sum
from django.utils.timesince import timesince

from orders.lifecycle import Status
from orders.models import Mail, Order
from wire.admin.start_page import Chart, Number, Summary, count_some, make_chart, of_two_weeks
from wire.mail.table import State
from wire.money import write_amount

LIST = "/admin/orders/order/"
SOLD = (Status.PAID, Status.SHIPPED, Status.DELIVERED)
"""Where an order stands whose total counts as sales."""
MAX_CURRENCIES = 3
"""Currencies that have a chart: those with the most orders."""


def summarize() -> Summary:
    """What waits, counted to a bound along indexes, and the orders and sales of two weeks, added up from one index."""
    failed = count_some(Mail.objects.filter(state=State.FAILED))
    numbers = [
        Number("To be shipped", *count_status(Status.PAID), hint=describe_oldest(Status.PAID)),
        Number("To be paid", *count_status(Status.PLACED)),
        Number("Wait for products", count_some(Order.objects.due()), f"{LIST}?waiting=unsettled"),
        Number("Stuck", stuck := count_some(Order.objects.stuck()), f"{LIST}?waiting=stuck", is_urgent=stuck > 0),
        Number("Mails that failed", failed, "/admin/orders/mail/?state__exact=failed", is_urgent=failed > 0),
    ]
    return Summary(numbers, chart_weeks())


def count_status(status: Status) -> tuple[int, str]:
    return count_some(Order.objects.filter(status=status)), f"{LIST}?status__exact={status}"


def describe_oldest(status: Status) -> str:
    """For how long the oldest order waits there."""
    oldest = Order.objects.filter(status=status).order_by("created_at", "id").values_list("created_at", flat=True)
    return f"the oldest was placed {timesince(at)} ago" if (at := oldest.first()) else ""


def chart_weeks() -> list[Chart]:
    """How many orders were placed each day, and what those that are paid came to, by currency."""
    placed = Order.objects.filter(placed_at__isnull=False)
    # Nothing but columns of the index `order_sales`.
    days = of_two_weeks(placed, "placed_at").values("day", "currency")
    rows = days.annotate(orders=Count("placed_at"), sales=Sum("total", filter=Q(status__in=SOLD)))
    orders: defaultdict[int, int] = defaultdict(int)
    by_currency: defaultdict[str, int] = defaultdict(int)
    sales: defaultdict[str, dict[int, Decimal]] = defaultdict(dict)
    for row in rows:
        orders[row["day"]] += row["orders"]
        by_currency[row["currency"]] += row["orders"]
        sales[row["currency"]][row["day"]] = row["sales"] or Decimal(0)
    usual = sorted(by_currency, key=lambda currency: -by_currency[currency])[:MAX_CURRENCIES]
    chart = partial(make_chart, address=LIST, column="placed_at")
    return [
        chart("Orders", orders, write="{:,}".format),
        *(chart(f"Sales in {name}", sales[name], write=partial(write_amount, currency=name)) for name in usual),
    ]
