"""`manage.py export_products FILE.csv`"""

from database.csv_writing import ExportCommand
from products.csv_files.exporting import export_products


class Command(ExportCommand):
    help = (
        "Write every product with its stock on hand to a CSV file. "
        "import_products takes it without options, and changes nothing then."
    )

    export = staticmethod(export_products)
    noun = "products"
