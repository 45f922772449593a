"""The words a token may carry in `scope`, and the services it may be meant for (RFC 6749 3.3)."""

SERVICES = ("accounts", "orders", "products")
"""The audience of a person's token, the same in every shape of deployment."""

SCOPES = {
    "account": "Read and change one's own account and sessions",
    "accounts:manage": "Manage users, roles, sessions and clients",
    "orders:manage": "See everyone's orders and move them on",
    "orders:pay": "Report an order as paid",
    "orders:read": "Read one's own orders",
    "orders:write": "Place and cancel one's own orders",
    "products:read": "Read the catalogue",
    "products:write": "Create, change and retire products",
    "stock:reserve": "Hold stock for an order",
}

CLIENT_SCOPES = frozenset({"orders:pay", "stock:reserve"})
"""What only a registered client may carry, never a role."""

ROLE_SCOPES = tuple(scope for scope in SCOPES if scope not in CLIENT_SCOPES)
"""What a role may carry."""

STAFF_SCOPES = {"accounts": "accounts:manage", "orders": "orders:manage", "products": "products:write"}
"""The scope that opens a service's section of the admin."""
