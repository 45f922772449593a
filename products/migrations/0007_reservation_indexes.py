from django.db import migrations, models

from database.operations import AddIndexInUse


class Migration(migrations.Migration):
    # Apart from the columns: what is cut off here is done again whole.
    atomic = False

    dependencies = [
        ('products', '0006_search_text'),
    ]

    operations = [
        AddIndexInUse(
            model_name='reservation',
            index=models.Index(condition=models.Q(('state', 'held')), fields=['client_id', 'units'], name='reservation_of_client'),
        ),
        AddIndexInUse(
            model_name='reservation',
            index=models.Index(condition=models.Q(('state', 'released'), ('units', 0)), fields=['created_at'], name='reservation_never_held'),
        ),
    ]
