"""What the desk of staff needs: who did it, and from when on stock is low."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('products', '0008_normal_forms'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='actor',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='movement',
            name='actor',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='product',
            name='low_stock',
            field=models.IntegerField(blank=True, help_text='Staff are told when no more than this is available; 0: when it is sold out. Empty: never.', null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000000)], verbose_name='low stock from'),
        ),
        migrations.AddField(
            model_name='uploadedfile',
            name='actor',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
    ]
