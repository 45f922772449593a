"""Orders with the client that openapi-python-client makes of our document: log in, order, log out."""

import json
import sys
import uuid

from generated import AuthenticatedClient, Client
from generated.api.accounts import log_in, log_out, refresh
from generated.api.orders import orders_place
from generated.api.products import products_list
from generated.models import (
    CredentialsRequest,
    InsufficientStockProblem,
    NewOrderLineRequest,
    NewOrderRequest,
    RefreshRequestRequest,
)

shop = Client(base_url=sys.argv[1])
pair = log_in.sync(client=shop, body=CredentialsRequest(email="alice@example.com", password="tessera-demo"))
alice = AuthenticatedClient(base_url=sys.argv[1], token=pair.access)
sencha = products_list.sync(client=alice, q="sencha").results[0].id


def order(quantity):
    body = NewOrderRequest(lines=[NewOrderLineRequest(product=sencha, quantity=quantity)])
    return orders_place.sync(client=alice, body=body, idempotency_key=str(uuid.uuid4()))


placed = order(2)
problem = order(900)
assert isinstance(problem, InsufficientStockProblem), problem
ended = RefreshRequestRequest(refresh=pair.refresh)
log_out.sync(client=shop, body=ended)
after = refresh.sync(client=shop, body=ended)
print(
    json.dumps(
        {
            "number": placed.number,
            "status": str(placed.status),
            "total": placed.total,
            "short": f"{problem.code}: {problem.lines[0].available} available",
            "after": after.code,
        }
    )
)
