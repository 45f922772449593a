"""Addresses and names in their normal form; what is in another's way stays, and is told."""

from django.db import migrations

from wire import text
from wire.normalizing import normalize_rows


def normalize(apps, schema_editor):
    for name, columns in {
        "User": {"email": text.email, "name": text.line},
        "Role": {"name": text.line},
        "Client": {"name": text.line},
    }.items():
        for finding in normalize_rows(apps.get_model("accounts", name), columns):
            print(f"\n  {finding}", end="")


class Migration(migrations.Migration):
    # Each batch is a transaction of its own, so that nobody waits for all of them.
    atomic = False

    dependencies = [
        ('accounts', '0004_mail'),
    ]

    operations = [
        migrations.RunPython(normalize, migrations.RunPython.noop, elidable=True),
    ]
