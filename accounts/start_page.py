"""What accounts has to say on the page that staff begin on."""

from django.db.models import Count

from accounts.models import Mail, User
from wire.admin.start_page import Number, Summary, count_some, make_chart, of_two_weeks
from wire.mail.table import State


def summarize() -> Summary:
    """Mails that failed, and the people who came in these two weeks."""
    failed = count_some(Mail.objects.filter(state=State.FAILED))
    numbers = [Number("Mails that failed", failed, "/admin/accounts/mail/?state__exact=failed", is_urgent=failed > 0)]
    rows = of_two_weeks(User.objects.all(), "created_at").annotate(people=Count("created_at"))
    people = {row["day"]: row["people"] for row in rows}
    chart = make_chart("New people", people, address="/admin/accounts/user/", column="created_at", write="{:,}".format)
    return Summary(numbers, [chart])
