"""Indexes for search: the beginning of a name, an sku in any case, and (PostgreSQL) any part of a name."""

import django.db.models.functions.text
from django.db import ProgrammingError, migrations, models, transaction


def index_parts(apps, schema_editor):
    """Index every three letters, where the server has pg_trgm and we may use it; else rare words take a scan."""
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")
        if not cursor.fetchone():
            return
        try:
            with transaction.atomic(connection.alias):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except ProgrammingError:
            return
        cursor.execute("CREATE INDEX product_by_part ON products_product USING gin (search_key gin_trgm_ops)")


def forget_parts(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS product_by_part")


class Migration(migrations.Migration):

    dependencies = [
        ('products', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='product',
            index=models.Index(fields=['search_key'], name='product_by_beginning', opclasses=['varchar_pattern_ops']),
        ),
        migrations.AddIndex(
            model_name='product',
            index=models.Index(django.db.models.functions.text.Upper('sku'), name='product_by_sku'),
        ),
        migrations.RunPython(index_parts, forget_parts),
    ]
