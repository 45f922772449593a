"""What products holds of a person: of staff, who changed what."""

from collections.abc import Iterable, Iterator

from products.models import Event, Movement, StockCount, UploadedFile
from wire.events import changing
from wire.retention.forgetting import forget
from wire.retention.personal_data import Row


def find(email: str) -> set[str]:
    """Nobody: products knows people by their `sub`."""
    return set()


def export(sub: str) -> dict[str, Iterable[Row]]:
    """The rows of a person, table by table."""
    return {
        "movements": Movement.objects.filter(sub=sub).order_by("pk").values(),
        "stock_counts": StockCount.objects.filter(sub=sub).order_by("at").values(),
        "uploaded_files": UploadedFile.objects.filter(sub=sub).order_by("created_at").values("name", "created_at"),
        "events": Event.objects.filter(sub=sub).order_by("pk").values(),
    }


def erase(sub: str) -> Iterator[str]:
    """Name them no more beside what they did; what was done, in words."""
    events = forget(changing(Event).filter(sub=sub))
    rows = sum(model.objects.filter(sub=sub).exclude(actor="").update(actor="") for model in (Movement, UploadedFile))
    yield f"{events:,} events and {rows:,} movements and files say no more of them than their id"
