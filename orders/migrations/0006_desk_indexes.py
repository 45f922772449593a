from django.db import migrations, models

from database.operations import AddIndexInUse


class Migration(migrations.Migration):
    # Apart from the columns: what is cut off here is done again whole.
    atomic = False

    dependencies = [
        ('orders', '0005_desk'),
    ]

    operations = [
        AddIndexInUse(
            model_name='line',
            index=models.Index(fields=['product', 'order'], name='line_of_product'),
        ),
        AddIndexInUse(
            model_name='order',
            index=models.Index(condition=models.Q(('placed_at__isnull', False)), fields=['placed_at', 'currency', 'status', 'total'], name='order_sales'),
        ),
    ]
