"""Indexes by which lists of the admin and jobs are read in a shop of millions."""

import django.db.models.functions.text
from django.db import migrations, models

from database.operations import AddIndexInUse


class Migration(migrations.Migration):
    # Nobody who writes waits; what is cut off here is done again whole.
    atomic = False

    dependencies = [
        ('accounts', '0009_deleted_roles'),
    ]

    operations = [
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['at', 'id'], name='accounts_event_by_age'),
        ),
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['what', 'at', 'id'], name='accounts_event_by_what'),
        ),
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['sub', 'at', 'id'], name='accounts_event_by_who'),
        ),
        AddIndexInUse(
            model_name='event',
            index=models.Index(fields=['request_id'], name='accounts_event_of_request'),
        ),
        AddIndexInUse(
            model_name='mail',
            index=models.Index(fields=['kind', 'written_at'], name='accounts_mail_by_kind'),
        ),
        AddIndexInUse(
            model_name='session',
            index=models.Index(fields=['created_at', 'id'], name='session_by_age'),
        ),
        AddIndexInUse(
            model_name='session',
            index=models.Index(fields=['client_id', 'created_at', 'id'], name='session_by_client'),
        ),
        AddIndexInUse(
            model_name='session',
            index=models.Index(fields=['address'], name='session_by_address'),
        ),
        AddIndexInUse(
            model_name='user',
            index=models.Index(fields=['created_at', 'id'], name='user_by_age'),
        ),
        AddIndexInUse(
            model_name='user',
            index=models.Index(condition=models.Q(('is_active', False)), fields=['created_at', 'id'], name='user_disabled'),
        ),
        AddIndexInUse(
            model_name='user',
            index=models.Index(django.db.models.functions.text.Upper('name'), name='user_by_name'),
        ),
    ]
