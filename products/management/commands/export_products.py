"""`manage.py export_products FILE.csv`"""

from database.csv_files import ExportCommand
from products.csv_export import export_products


class Command(ExportCommand):
    help = (
        "Write every product with its stock on hand to a CSV file, gzip if its name ends in .gz. "
        "import_products takes it without options, and changes nothing then."
    )

    export = staticmethod(export_products)
    noun = "products"
