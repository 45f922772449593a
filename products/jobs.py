"""What `manage.py work` runs for products."""

from collections.abc import Callable

from products.csv_files.uploads import clear_uploads, run_uploads
from products.models import Event
from products.reservations import clear_tombstones
from wire.retention.forgetting import forgetting_jobs

JOBS: dict[str, tuple[Callable[[], object], float]] = {
    "clear": (clear_tombstones, 600.0),
    "import": (run_uploads, 5.0),
    "clear uploads": (clear_uploads, 3600.0),
    **forgetting_jobs(Event),
}
"""Each job by its name, with the seconds between two runs."""
