"""What a browser sends to the admin."""

ADMIN = "/admin/accounts/"


def fill(page, **changes):
    """What a form would send as it stands, with changes; None leaves a field out."""
    sent = {}
    form = page.context["adminform"].form
    for name, field in form.fields.items():
        value = form.initial.get(name, field.initial)
        if value is True:
            sent[name] = "on"
        elif isinstance(value, (list, tuple)) or hasattr(value, "all"):
            sent[name] = [getattr(item, "pk", item) for item in value]
        elif value not in (None, False, ""):
            sent[name] = value
    for formset in page.context["inline_admin_formsets"]:
        sent |= {f"{formset.formset.prefix}-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    return {name: value for name, value in (sent | changes).items() if value is not None}


def save(browser, address, **changes):
    """Open a form, change something, send it."""
    page = browser.get(address)
    assert page.status_code == 200
    answer = browser.post(address, fill(page, **changes))
    assert answer.status_code == 302, answer.context["adminform"].errors
    return answer


def act(browser, section, action, *rows):
    """Run an action on some rows of a list; the page that follows."""
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return browser.post(f"{ADMIN}{section}/", chosen, follow=True)


def user_form(user):
    return f"{ADMIN}user/{user.pk}/change/"
