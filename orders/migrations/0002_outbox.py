"""The field `owes` is called `outbox`; its column keeps its name, so that nothing changes in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0001_initial'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex(model_name='order', name='order_owing'),
                migrations.RenameField(model_name='order', old_name='owes', new_name='outbox'),
                migrations.AlterField(
                    model_name='order',
                    name='outbox',
                    field=models.CharField(blank=True, db_column='owes', help_text='The calls that are owed to products, in order.', max_length=32),
                ),
                migrations.AddIndex(
                    model_name='order',
                    index=models.Index(condition=models.Q(('outbox', ''), _negated=True), fields=['outbox'], name='order_owing'),
                ),
                migrations.AlterField(
                    model_name='order',
                    name='lease_until',
                    field=models.DateTimeField(help_text='Until when whoever is placing it goes on with it alone.', null=True),
                ),
                migrations.AlterField(
                    model_name='idempotencykey',
                    name='status',
                    field=models.PositiveSmallIntegerField(help_text='202 once that was answered; nothing else counts.', null=True),
                ),
                migrations.AlterField(
                    model_name='idempotencykey',
                    name='body',
                    field=models.TextField(blank=True, help_text='The final answer, where the release before kept one.'),
                ),
            ],
        ),
    ]
