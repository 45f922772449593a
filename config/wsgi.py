"""The WSGI application: `granian --interface wsgi config.wsgi:application`."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from config.request_body import measure_body

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# What is made at the start stays: to look through it for rubbish, now or with every collection, is time lost.
gc.disable()
application = measure_body(get_wsgi_application())
gc.freeze()
gc.enable()
