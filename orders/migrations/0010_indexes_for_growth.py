"""Indexes by which lists of the admin and jobs are read in a shop of millions."""

from django.db import migrations, models

from database.operations import AddIndexInUse


class Migration(migrations.Migration):
    # Nobody who writes waits; what is cut off here is done again whole.
    atomic = False

    dependencies = [
        ('orders', '0009_seen_name'),
    ]

    operations = [
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['at', 'id'], name='orders_event_by_age'),
        ),
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['what', 'at', 'id'], name='orders_event_by_what'),
        ),
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['sub', 'at', 'id'], name='orders_event_by_who'),
        ),
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['request_id'], name='orders_event_of_request'),
        ),
        AddIndexInUse(
            model_name='order',
            index=models.Index(fields=['customer_email'], name='order_by_email'),
        ),
        AddIndexInUse(
            model_name='mail',
            index=models.Index(fields=['kind', 'written_at'], name='orders_mail_by_kind'),
        ),
        AddIndexInUse(
            model_name='order',
            index=models.Index(fields=['placed_at'], name='order_by_placing'),
        ),
    ]
