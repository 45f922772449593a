"""SQLite finds words in the middle of names and descriptions along an index of every three letters, too."""

from django.db import OperationalError, migrations, transaction

BATCH = 1_000
TEXT = "coalesce({0}.search_text, {0}.search_key)"
NUMBER = "(SELECT number FROM product_number WHERE product_id = {0}.id)"
ADD = f"INSERT INTO product_by_part (rowid, text) SELECT {NUMBER.format('new')}, {TEXT.format('new')}"
REMOVE = (
    "INSERT INTO product_by_part (product_by_part, rowid, text) "
    f"SELECT 'delete', number, {TEXT.format('old')} FROM product_number WHERE product_id = old.id"
)
NUMBER_NEW = (
    "INSERT INTO product_number (product_id) "
    "SELECT new.id WHERE NOT EXISTS (SELECT 1 FROM product_number WHERE product_id = new.id)"
)
"""Not OR IGNORE: what a statement says of conflicts, as an upsert does, holds for the triggers that it fires."""
TRIGGERS = {
    "product_part_added": f"INSERT ON products_product BEGIN {NUMBER_NEW}; {ADD}; END",
    "product_part_changed": f"UPDATE OF search_key, search_text ON products_product "
    f"WHEN {TEXT.format('old')} <> {TEXT.format('new')} BEGIN {REMOVE}; {NUMBER_NEW}; {ADD}; END",
    "product_part_removed": f"DELETE ON products_product BEGIN {REMOVE}; "
    "DELETE FROM product_number WHERE product_id = old.id; END",
}
"""A row that the migration has not reached has no number, and so nothing to be removed."""
NUMBER_SOME = "INSERT OR IGNORE INTO product_number (product_id) VALUES (%s)"
ADD_SOME = f"""
INSERT INTO product_by_part (rowid, text) SELECT number, {TEXT.format('products_product')}
FROM product_number CROSS JOIN products_product ON id = product_id WHERE number > %s
"""
"""Read from the numbers on: to SQLite a CROSS JOIN says the order."""


def index_parts(apps, schema_editor):
    """Make the index, kept by triggers, and fill it in batches while the shop serves.

    SQLite's own numbers of rows change when the table is rebuilt or the file is vacuumed, so they have a table. What is
    cut off here is done again from where it was. Without FTS5 words are found by reading, as before.
    """
    connection = schema_editor.connection
    if connection.vendor != "sqlite":
        return

    try:
        make_index(connection)
    except OperationalError as error:
        if "no such" not in str(error):
            raise
        return
    last = ""
    while last is not None:
        last = index_some(connection, after=last)


def make_index(connection):
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS product_by_part "
            "USING fts5(text, content='', detail=none, tokenize='trigram case_sensitive 1')"
        )
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS product_number (number integer PRIMARY KEY, product_id char(32) NOT NULL UNIQUE)"
        )
        for name, body in TRIGGERS.items():
            cursor.execute(f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {body}")


def index_some(connection, *, after):
    """Index the products of the next ids that are not yet; the last of these ids, None if there was none."""
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(number), 0) FROM product_number")
        [known] = cursor.fetchone()
        cursor.execute("SELECT id FROM products_product WHERE id > %s ORDER BY id LIMIT %s", [after, BATCH])
        ids = cursor.fetchall()
        cursor.executemany(NUMBER_SOME, ids)
        cursor.execute(ADD_SOME, [known])
        return ids[-1][0] if ids else None


def forget_parts(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for name in TRIGGERS:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        for table in ("product_by_part", "product_number"):
            schema_editor.execute(f"DROP TABLE IF EXISTS {table}")


class Migration(migrations.Migration):
    # Each batch of rows is a transaction of its own, so that nobody waits for all of them.
    atomic = False

    dependencies = [
        ('products', '0012_indexes_for_growth'),
    ]

    operations = [
        migrations.RunPython(index_parts, forget_parts),
    ]
