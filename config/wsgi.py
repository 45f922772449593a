"""The WSGI application: `granian --interface wsgi config.wsgi:application`."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# What is made at the start stays: to look through it for rubbish, now or with every collection, is time lost.
gc.disable()
application = get_wsgi_application()
gc.freeze()
gc.enable()
