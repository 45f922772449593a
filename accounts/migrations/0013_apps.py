"""Apps that people log in to: their codes, consents and sessions."""

import accounts.models.clients
import accounts.models.redirects
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0012_pending_email'),
    ]

    operations = [
        migrations.CreateModel(
            name='UsedAssertion',
            fields=[
                ('key', models.CharField(help_text='A hash of the client and the `jti`.', max_length=64, primary_key=True, serialize=False)),
                ('expires_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name='client',
            name='app_scopes',
            field=models.JSONField(blank=True, help_text='What the app may ask people for; it never gets more than they may do themselves.', null=True, validators=[accounts.models.clients.check_app_scopes], verbose_name='what people may let it do'),
        ),
        migrations.AddField(
            model_name='client',
            name='former_secret_hash',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name='client',
            name='former_secret_until',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='client',
            name='is_first_party',
            field=models.BooleanField(db_default=False, default=False, help_text="It is the shop's own: nobody is asked whether it may.", verbose_name='first-party'),
        ),
        migrations.AddField(
            model_name='client',
            name='is_public',
            field=models.BooleanField(db_default=False, default=False, help_text='It cannot keep a secret, as a page or an app on a phone: it has none.', verbose_name='public'),
        ),
        migrations.AddField(
            model_name='client',
            name='jwks',
            field=models.JSONField(blank=True, help_text='A JWK set of public keys with which it may prove who it is instead of a secret (private_key_jwt).', null=True, validators=[accounts.models.clients.check_keys], verbose_name='keys'),
        ),
        migrations.AddField(
            model_name='client',
            name='logo_text',
            field=models.CharField(blank=True, db_default='', default='', help_text='Up to four letters that stand for it; the first of its name, if empty.', max_length=4),
        ),
        migrations.AddField(
            model_name='client',
            name='logout_uris',
            field=models.TextField(blank=True, db_default='', default='', help_text='Where they may be sent after they logged out, one on each line.', validators=[accounts.models.redirects.check_redirects], verbose_name='addresses after the log-out'),
        ),
        migrations.AddField(
            model_name='client',
            name='redirect_uris',
            field=models.TextField(blank=True, db_default='', default='', help_text='Where people are sent back to from the log-in, one on each line: an app has some, a machine none.', validators=[accounts.models.redirects.check_redirects], verbose_name='redirect addresses'),
        ),
        migrations.AddField(
            model_name='session',
            name='audience',
            field=models.JSONField(editable=False, help_text='The services that it may call; none: all.', null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='scopes',
            field=models.JSONField(editable=False, help_text='What an app may do at the most; none: whatever the person may.', null=True),
        ),
        migrations.CreateModel(
            name='AuthorizationCode',
            fields=[
                ('code_hash', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('redirect_uri', models.TextField()),
                ('code_challenge', models.CharField(max_length=43)),
                ('nonce', models.CharField(blank=True, max_length=255)),
                ('scopes', models.JSONField(default=list)),
                ('audience', models.JSONField(default=list)),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('used_at', models.DateTimeField(null=True)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.client')),
                ('given_in', models.ForeignKey(help_text='The session of the browser.', on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.session')),
                ('opened', models.ForeignKey(help_text='The session of the app.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='accounts.session')),
            ],
        ),
        migrations.CreateModel(
            name='Consent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scopes', models.JSONField(default=list)),
                ('given_at', models.DateTimeField(auto_now_add=True)),
                ('used_at', models.DateTimeField(auto_now_add=True, verbose_name='last used')),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.client')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='consents', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-given_at'],
                'constraints': [models.UniqueConstraint(fields=('user', 'client'), name='one_consent_per_app')],
            },
        ),
    ]
