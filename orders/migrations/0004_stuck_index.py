from django.db import migrations, models

from database.operations import AddIndexInUse


class Migration(migrations.Migration):
    # Apart from the column: what is cut off here is done again whole.
    atomic = False

    dependencies = [
        ('orders', '0003_stuck'),
    ]

    operations = [
        AddIndexInUse(
            model_name='order',
            index=models.Index(condition=models.Q(('stuck', ''), _negated=True), fields=['stuck'], name='order_stuck'),
        ),
    ]
