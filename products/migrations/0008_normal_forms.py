"""Descriptions are searched, and every text comes into its normal form; what is in another's way stays, and is told."""

from django.db import migrations

from products.search_keys import NORMAL_FORMS, derive
from wire.normalizing import normalize_rows


def normalize(apps, schema_editor):
    for finding in normalize_rows(apps.get_model("products", "Product"), NORMAL_FORMS, derive=derive):
        print(f"\n  {finding}", end="")


def index_texts(apps, schema_editor):
    """Index every three letters where those of names are; on SQLite, which reads every text, let it read nothing else.

    The index is empty yet, and so made in no time.
    """
    connection = schema_editor.connection
    columns = "(search_key, id, search_text)"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT to_regclass('product_by_part') IS NOT NULL")
            if not cursor.fetchone()[0]:
                return
            columns = "USING gin (search_text gin_trgm_ops)"
        cursor.execute(
            f"CREATE INDEX IF NOT EXISTS product_by_text ON products_product {columns} WHERE search_text IS NOT NULL"
        )


def forget_texts(apps, schema_editor):
    schema_editor.execute("DROP INDEX IF EXISTS product_by_text")


class Migration(migrations.Migration):
    # Apart from the column: what is cut off here is done again whole. Each batch of rows is a transaction of its own, so that nobody waits for all of them.
    atomic = False

    dependencies = [
        ('products', '0007_reservation_indexes'),
    ]

    operations = [
        migrations.RunPython(index_texts, forget_texts),
        migrations.RunPython(normalize, migrations.RunPython.noop, elidable=True),
    ]
