"""What the desk of staff needs: who did it, what the customer was told, how often products was asked in vain."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0004_stuck_index'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='actor',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='order',
            name='last_error',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='order',
            name='note',
            field=models.TextField(blank=True, db_default='', default='', help_text='What the customer is told besides.', max_length=1000, verbose_name='note to the customer'),
        ),
        migrations.AddField(
            model_name='order',
            name='refund',
            field=models.CharField(blank=True, db_default='', default='', help_text='What was paid back, and its reference.', max_length=200),
        ),
        migrations.AddField(
            model_name='order',
            name='tracking',
            field=models.CharField(blank=True, db_default='', default='', help_text='By what the customer can follow the parcel.', max_length=200),
        ),
        migrations.AddField(
            model_name='order',
            name='tried_at',
            field=models.DateTimeField(help_text='When it was asked in vain last.', null=True),
        ),
        migrations.AddField(
            model_name='order',
            name='tries',
            field=models.IntegerField(db_default=0, default=0, help_text='How often products was asked in vain for what the order waits for.'),
        ),
    ]
