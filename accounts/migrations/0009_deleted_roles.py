from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_job_records'),
    ]

    operations = [
        migrations.AddField(
            model_name='role',
            name='deleted_at',
            field=models.DateTimeField(editable=False, help_text='When it was deleted; its people are taken out of it in time.', null=True),
        ),
        migrations.AlterField(
            model_name='user',
            name='roles',
            field=models.ManyToManyField(blank=True, limit_choices_to={'deleted_at__isnull': True}, related_name='users', to='accounts.role'),
        ),
    ]
