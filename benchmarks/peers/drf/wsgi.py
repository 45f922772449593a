import os
import sys

from django.core.wsgi import get_wsgi_application

if "PEER_BARE" in os.environ:
    sys.modules.update(dict.fromkeys(("requests", "yaml", "uritemplate")))  # type: ignore[arg-type]
os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.peers.drf.settings"
application = get_wsgi_application()
