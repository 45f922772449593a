from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('products', '0005_stock_counts_and_uploads'),
    ]

    operations = [
        migrations.AddField(
            model_name='product',
            name='search_text',
            field=models.TextField(editable=False, null=True),
        ),
    ]
