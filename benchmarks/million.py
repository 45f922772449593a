"""A shop of any size, written by PostgreSQL itself: as many orders, users, events, movements, sessions and entries."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from django.core.management import call_command
from django.db import connection

TABLES = {
    "accounts": ("user", "user_roles", "tokenstatus", "session", "event", "mail"),
    "orders": ("order", "line", "event", "idempotencykey"),
    "products": ("product", "stock", "reservation", "reservationline", "movement", "event"),
}
BIG = tuple(f"{service}_{name}" for service, names in TABLES.items() for name in names)
"""The tables that are filled."""
CATALOGUE = {"products_product", "products_stock"}
"""Those of them that a search by words, or an order by stock, may read whole."""
SINCE = "now() - interval '720 days' * (1 - i::float / {count})"
"""When row i was made: the last one now, the first two years ago."""
EVENT = "at, kind, subject, what, sub, client_id, request_id, facts"
ROWS = {
    "products_product": """
        (id, sku, name, description, category, price, currency, active, version, search_key, search_text, created_at)
        SELECT md5('p' || i)::uuid, 'B' || lpad(i::text, 7, '0'), name, 'For the house.', kind, 1 + i % 997, 'EUR',
            i % 1000 <> 0, 1, lower(name) || ' b' || lpad(i::text, 7, '0'),
            lower(name) || ' b' || lpad(i::text, 7, '0') || ' for the house.', {since}
        FROM generate_series(1, {products}) i,
            LATERAL (SELECT (array['cup','bowl','plate','lamp','chair','table','shelf','clock'])[1 + i % 8] kind) k,
            LATERAL (SELECT (array['Red','Blue','Oak','Brass','Linen','Stone'])[1 + i % 6] || ' ' || kind
                || CASE WHEN i % 5000 = 0 THEN ' with walnut ' ELSE ' from Porto ' END || i name) n""",
    "products_stock": """
        (product_id, on_hand, reserved) SELECT md5('p' || i)::uuid, CASE WHEN i % 1000 = 1 THEN 1 ELSE 1000000 END, 1
        FROM generate_series(1, {products}) i""",
    "products_reservation": """
        (order_id, state, client_id, units, created_at, changed_at)
        SELECT md5('o' || i)::uuid, CASE WHEN i % 2000 = 0 THEN 'held' WHEN i % 20 = 0 THEN 'released'
            WHEN i % 5000 = 1 THEN 'taken_back' ELSE 'fulfilled' END, '', CASE WHEN i % 100 = 20 THEN 0 ELSE 1 END,
            {since}, {since}
        FROM generate_series(1, {count}) i""",
    "products_reservationline": """
        (reservation_id, product_id, quantity, sku, name, unit_price, currency)
        SELECT md5('o' || i)::uuid, md5('p' || (1 + i % {products}))::uuid, 1, 'B' || i, 'A thing', 4.5, 'EUR'
        FROM generate_series(1, {count}) i WHERE i % 100 <> 20""",
    "products_movement": """
        (product_id, reservation_id, kind, on_hand, reserved, reason, sub, at)
        SELECT md5('p' || (1 + i % {products}))::uuid, md5('o' || i)::uuid, CASE WHEN i % 5000 = 1 THEN 'take_back'
            WHEN i % 20 = 0 THEN 'release' WHEN i % 2 = 0 THEN 'reserve' ELSE 'fulfil' END, 0, 1, '', '', {since}
        FROM generate_series(1, {count}) i WHERE i % 100 <> 20""",
    "products_event": f"""
        ({EVENT}) SELECT {{since}}, 'product', md5('p' || (1 + i % {{products}}))::uuid::text,
            CASE WHEN i % 10000 = 0 THEN 'created' ELSE 'changed' END, md5('u' || (1 + i % 7))::uuid::text, 'web',
            md5('r' || i), '{{{{}}}}' FROM generate_series(1, {{count}}) i""",
    "accounts_user": """
        (id, password, email, name, is_active, created_at, email_verified_at)
        SELECT md5('u' || i)::uuid, '!', 'customer' || i || '@example.com',
            (array['Anna','Bruno','Clara','Dario','Élise','Farid'])[1 + i % 6] || ' ' || i, i % 2000 <> 0,
            {since}, {since}
        FROM generate_series(1, {count}) i""",
    "accounts_user_roles": """
        (user_id, role_id) SELECT md5('u' || i)::uuid, role.id
        FROM generate_series(1, {count}) i JOIN accounts_role role
            ON role.name = 'customer' OR (role.name = 'order manager' AND i % 10000 = 0)""",
    "accounts_tokenstatus": """
        (id, revoked_at) SELECT i, CASE WHEN i % 100 = 0 THEN {since} END FROM generate_series(1, {count}) i""",
    "accounts_session": """
        (id, user_id, client_id, device, address, generation, status_id, created_at, rotated_at, expires_at, ended_at,
            end_reason)
        SELECT md5('s' || i)::uuid, md5('u' || i)::uuid, CASE WHEN i % 2000 = 0 THEN 'api' ELSE 'web' END, 'Firefox',
            ('10.' || i % 250 || '.' || i / 250 % 250 || '.7')::inet, 1, i, at, at + interval '1 day',
            at + interval '90 days', CASE WHEN i % 2 = 0 THEN at + interval '2 days' END, ''
        FROM generate_series(1, {count}) i,
            LATERAL (SELECT now() - interval '90 days' * (1 - i::float / {count}) AS at) a
        WHERE i % 5 <> 0 OR i > {count} * 0.9""",
    "accounts_event": f"""
        ({EVENT}) SELECT {{since}}, CASE WHEN i % 50 = 0 THEN 'failedlogin' ELSE 'session' END,
            md5('s' || i)::uuid::text, CASE WHEN i % 50 = 0 THEN 'log-in failed' WHEN i % 10001 = 1
            THEN 'roles changed' ELSE 'logged in' END, CASE WHEN i % 50 = 0 THEN 'system' ELSE md5('u' || i)::uuid::text
            END, 'web', md5('r' || i), '{{{{}}}}' FROM generate_series(1, {{count}}) i""",
    "accounts_mail": """
        (id, "to", kind, facts, state, attempts, error, written_at, next_try_at, expires_at, settled_at)
        SELECT md5('m' || i)::uuid, 'customer' || i || '@example.com', 'password reset', '{{}}',
            CASE WHEN i % 2000 = 0 THEN 'failed' ELSE 'sent' END, 1, '', at, at, at + interval '1 hour', at
        FROM generate_series(1, {count}) i,
            LATERAL (SELECT now() - interval '15 days' * (1 - i::float / {count}) AS at) a""",
    "orders_order": """
        (id, number, status, owes, version, customer_id, customer_name, customer_email, ship_to, currency, total,
            payment_reference, created_at, placed_at, lease_until)
        SELECT md5('o' || i)::uuid, upper(lpad(to_hex(i * 4001::bigint), 8, '0')), status, CASE WHEN i % 20000 = 7
            THEN 'fulfil' ELSE '' END, 3, md5('u' || (1 + i / 20))::uuid::text, 'Anna',
            'customer' || (1 + i / 20) || '@example.com', '', 'EUR', 4.5, '', {since},
            CASE WHEN status IN ('pending', 'rejected') THEN NULL ELSE {since} END, {since}
        FROM generate_series(1, {count}) i, LATERAL (SELECT CASE WHEN i % 2000 = 0 THEN 'placed'
            WHEN i % 20000 = 11 THEN 'pending' WHEN i % 5000 = 1 THEN 'returned' WHEN i % 20 = 0 THEN 'cancelled'
            WHEN i % 25 = 2 THEN 'shipped' WHEN i % 1000 = 3 THEN 'rejected' ELSE 'delivered' END status) s""",
    "orders_line": """
        (order_id, product, quantity, sku, name, unit_price)
        SELECT md5('o' || i)::uuid, md5('p' || (1 + i % {products}))::uuid, 1, 'B' || i, 'A thing', 4.5
        FROM generate_series(1, {count}) i""",
    "orders_event": f"""
        ({EVENT}) SELECT {{since}}, 'order', md5('o' || i)::uuid::text, CASE WHEN i % 10000 = 0 THEN 'written off'
            WHEN i % 2 = 0 THEN 'placed' ELSE 'paid' END, CASE WHEN i % 2 = 0 THEN md5('u' || (1 + i / 20))::uuid::text
            ELSE 'system' END, 'web', md5('r' || i), '{{{{}}}}' FROM generate_series(1, {{count}}) i""",
    "orders_idempotencykey": """
        (sub, client_id, operation, key, fingerprint, order_id, status, body, created_at)
        SELECT 'x', 'web', 'place', i::text, '', md5('o' || i)::uuid, 202, '', {since}
        FROM generate_series(1, {count}) i""",
}
"""What follows INSERT INTO, by table; row i is the same everywhere."""
PLAIN = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexdef LIKE 'CREATE INDEX%%'"


def fill(count: int, products: int = 10_000) -> None:
    """Migrate, and fill an empty shop; says how long that took."""
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(PLAIN, [list(BIG)])
        indexes = cursor.fetchall()
    run([f'DROP INDEX "{name}"' for name, _ in indexes])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, ([statement] for statement in statements(count, products))))
        list(pool.map(run, ([definition] for _, definition in indexes)))
    run(["SELECT setval(pg_get_serial_sequence('accounts_tokenstatus', 'id'), max(id)) FROM accounts_tokenstatus"])
    run(["VACUUM ANALYZE"])
    print(
        f"  {count:,} of everything and {products:,} products in {time.perf_counter() - began:.0f} s", file=sys.stderr
    )


def statements(count: int, products: int) -> list[str]:
    """What writes the rows of each table."""
    since = SINCE.format(count=count)
    return [
        f"INSERT INTO {table} {rows.format(count=count, products=products, since=since)}"
        for table, rows in ROWS.items()
    ]


def run(statements: list[str]) -> None:
    """Run statements over a connection of this thread, without looking for what they refer to."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for statement in statements:
            cursor.execute(statement)
    connection.close()
