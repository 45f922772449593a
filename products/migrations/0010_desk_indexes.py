from django.db import migrations, models

from database.operations import AddIndexInUse


class Migration(migrations.Migration):
    # Apart from the columns: what is cut off here is done again whole.
    atomic = False

    dependencies = [
        ('products', '0009_desk'),
    ]

    operations = [
        AddIndexInUse(
            model_name='product',
            index=models.Index(condition=models.Q(('active', True), ('low_stock__isnull', False)), fields=['id'], name='product_watched'),
        ),
    ]
