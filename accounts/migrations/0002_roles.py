"""The four roles every shop begins with; they are edited in the admin."""

from django.db import migrations

CUSTOMER = ["account", "orders:read", "orders:write", "products:read"]
ROLES = {
    "customer": CUSTOMER,
    "catalogue manager": [*CUSTOMER, "products:write"],
    "order manager": [*CUSTOMER, "orders:manage"],
    "admin": [*CUSTOMER, "accounts:manage", "orders:manage", "products:write"],
}


def create_roles(apps, schema_editor):
    Role = apps.get_model("accounts", "Role")
    for name, scopes in ROLES.items():
        Role.objects.get_or_create(name=name, defaults={"scopes": sorted(scopes)})


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
