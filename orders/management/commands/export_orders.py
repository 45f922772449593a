"""`manage.py export_orders FILE.csv`"""

from database.csv_files import ExportCommand
from orders.csv_export import export_orders


class Command(ExportCommand):
    help = (
        "Write every order to a CSV file, a row per line with what is known of its order, oldest first; "
        "gzip if its name ends in .gz."
    )

    export = staticmethod(export_orders)
    noun = "lines"
