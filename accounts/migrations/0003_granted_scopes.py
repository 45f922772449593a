from django.db import migrations, models

GRANTED = [
    "account",
    "accounts:manage",
    "orders:manage",
    "orders:pay",
    "orders:read",
    "orders:write",
    "products:read",
    "products:write",
    "stock:reserve",
]
"""What the roles of 0002 were made with, and staff may have changed since."""


def remember(apps, schema_editor):
    apps.get_model("accounts", "GrantedScope").objects.bulk_create(
        apps.get_model("accounts", "GrantedScope")(name=name) for name in GRANTED
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_roles")]
    operations = [
        migrations.CreateModel(
            name="GrantedScope",
            fields=[("name", models.CharField(max_length=64, primary_key=True, serialize=False))],
        ),
        migrations.RunPython(remember, migrations.RunPython.noop),
    ]
