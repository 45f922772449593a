from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0008_basket_and_mails'),
    ]

    operations = [
        migrations.AddField(
            model_name='line',
            name='seen_name',
            field=models.CharField(blank=True, db_default='', default='', help_text='What it was called where it was ordered.', max_length=200),
        ),
    ]
