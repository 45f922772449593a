"""Indexes by which lists of the admin and jobs are read in a shop of millions."""

from django.db import migrations, models

from database.operations import AddIndexInUse


class Migration(migrations.Migration):
    # Nobody who writes waits; what is cut off here is done again whole.
    atomic = False

    dependencies = [
        ('products', '0011_job_records'),
    ]

    operations = [
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['at', 'id'], name='products_event_by_age'),
        ),
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['what', 'at', 'id'], name='products_event_by_what'),
        ),
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['sub', 'at', 'id'], name='products_event_by_who'),
        ),
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['request_id'], name='products_event_of_request'),
        ),
        AddIndexInUse(
            model_name='movement',
            index=models.Index(fields=['at', 'id'], name='movement_by_age'),
        ),
        AddIndexInUse(
            model_name='movement',
            index=models.Index(fields=['kind', 'at', 'id'], name='movement_by_kind'),
        ),
        AddIndexInUse(
            model_name='product',
            index=models.Index(condition=models.Q(('active', False)), fields=['search_key', 'id'], name='product_retired'),
        ),
        AddIndexInUse(
            model_name='reservation',
            index=models.Index(fields=['created_at', 'order_id'], name='reservation_by_age'),
        ),
    ]
