"""How much one client of other services may hold: what is held for it is taken from everybody else."""

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from database import locks, prepared
from products.models import Reservation

SHARE = 64
"""A process takes this part of what is left, at most, before it counts anew: so does each of as many."""
FRESH = 10.0
"""Seconds that a count is good for."""


class TooManyHeld(Exception):
    """With this reservation a client would hold more of them, or more units, than it may."""

    def __init__(self, reservations: int, units: int) -> None:
        super().__init__("This client holds as much as it may; release or fulfil some of it first.")
        self.held = {"reservations": reservations, "units": units}
        self.limits = {"reservations": settings.RESERVATIONS_PER_CLIENT, "units": settings.UNITS_PER_CLIENT}


@dataclass
class Allowance:
    """What this process may still hold for a client without counting."""

    reservations: int
    units: int
    until: float

    def take(self, units: int) -> bool:
        """Take one reservation with so many units out of it; whether there was enough."""
        if time.monotonic() > self.until or not self.reservations or units > self.units:
            return False

        self.reservations -= 1
        self.units -= units
        return True


_allowances: dict[str, Allowance] = {}


def check_holdings(client_id: str, units: int) -> None:
    """Raise `TooManyHeld` if a client holds too much with the reservation just written, in the caller's transaction.

    Far from the limits one count is good for many. Near them each is counted, one after the other.
    """
    allowance = _allowances.get(client_id)
    if allowance and allowance.take(units):
        return

    locks.lock_name(f"holdings of {client_id}")
    [held] = holdings_of(client_id=client_id)
    left = settings.RESERVATIONS_PER_CLIENT - held["reservations"], settings.UNITS_PER_CLIENT - held["units"]
    if min(left) < 0:
        raise TooManyHeld(held["reservations"] - 1, held["units"] - units)

    _allowances[client_id] = Allowance(left[0] // SHARE, left[1] // SHARE, time.monotonic() + FRESH)


@prepared.rows(Reservation, client_id="client_id")
def holdings_of(client_id: Any) -> "QuerySet[Reservation, Any]":
    """How many reservations are held for a client, and the units in them; no row for a client without any."""
    held = Reservation.objects.held().filter(client_id=client_id).order_by()
    return held.values("client_id").annotate(reservations=Count("pk"), units=Sum("units"))
