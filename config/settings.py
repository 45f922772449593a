"""Everything that differs between deployments, read once from the environment.

Safe defaults for development; with `DEBUG` off, whatever is missing or unsafe stops the start.
"""

import logging
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from corsheaders.defaults import default_headers
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.environment import (
    demand,
    is_collector,
    is_local,
    load_dotenv,
    read_count,
    read_database,
    read_email,
    read_flag,
    read_hosts,
    read_list,
    read_origin,
    read_origins,
    read_quota,
    read_sender,
    read_text,
    read_time_zone,
    read_words,
)
from config.logs import PROCESSORS, Console, has_colours
from tokens.encryption import read_encryption_key
from tokens.registry import DescriptionError, services

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

load_dotenv(BASE_DIR / ".env")

DEBUG = read_flag("DEBUG", default=True)
LOG_LEVEL = read_text("LOG_LEVEL", default="INFO").upper()
FAILPOINT = read_text("FAILPOINT")


def production(condition: object, complaint: str) -> None:
    demand(DEBUG or condition, f"{complaint} (DEBUG is off)")


demand(LOG_LEVEL in logging.getLevelNamesMapping(), f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {LOG_LEVEL}")
production(not FAILPOINT, "FAILPOINT kills the process and is for tests alone")

# What this process serves -----------------------------------------------------------------------

try:
    services()
except DescriptionError as error:
    raise ImproperlyConfigured(str(error)) from error
SERVICES = sorted(set(read_list("SERVICES", default=services())))
demand(SERVICES, "SERVICES names no service")
demand(set(SERVICES) <= set(services()), f"SERVICES may name {', '.join(services())}; it names {', '.join(SERVICES)}")
READ_ONLY = read_list("READ_ONLY")
demand(set(READ_ONLY) <= set(services()), f"READ_ONLY names an unknown service: {', '.join(READ_ONLY)}")

INSTALLED_APPS = [
    "config.apps.TesseraConfig",
    "config.apps.TesseraAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    *SERVICES,
]

MIDDLEWARE = [
    "config.metrics.MetricsMiddleware",
    "config.middleware.BodyMiddleware",
    "config.middleware.ProxyMiddleware",
    "wire.request_id.RequestIdMiddleware",
    "config.logs.LogMiddleware",
    "config.middleware.TransportMiddleware",
    "config.csp.PolicyMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "wire.api.problems.ProblemMiddleware",
    "config.middleware.QueryMiddleware",
    "config.middleware.DeadlineMiddleware",
    "config.middleware.SlashMiddleware",
    "config.middleware.SessionMiddleware",
    "config.middleware.FormMiddleware",
    "config.middleware.OldCookieMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "tokens.middleware.CookieTokenMiddleware",
    "config.middleware.MessageMiddleware",
    "config.middleware.ReadOnlyMiddleware",
    "wire.queries.PageQueryMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.menu.menu",
            ],
        },
    },
]

# Secrets ----------------------------------------------------------------------------------------

# Whether what everybody knows is let in: the development key, the demo's people, their password.
DEVELOPMENT = DEBUG
DEVELOPMENT_KEY = "development-only-never-in-production-0123456789-abcdefghijklmnopqrstuvwxyz"
SECRET_KEY = read_text("SECRET_KEY", default=DEVELOPMENT_KEY)
SECRET_KEY_FALLBACKS = read_list("SECRET_KEY_FALLBACKS")
production(SECRET_KEY != DEVELOPMENT_KEY, "SECRET_KEY must be set")
production(len(SECRET_KEY) >= 50, "SECRET_KEY must have at least 50 characters")
production(DEVELOPMENT_KEY not in SECRET_KEY_FALLBACKS, "SECRET_KEY_FALLBACKS must not hold the development key")

# The token (docs/tokens.md) --------------------------------------------------------------------------

ISSUER = read_origin("ISSUER", default="http://localhost:8000")
production(
    ISSUER.startswith("https://") and not is_local(str(urlsplit(ISSUER).hostname)),
    f"ISSUER must be an https address that others can reach, not {ISSUER!r}",
)
ACCOUNTS_URL = read_origin("ACCOUNTS_URL", default=ISSUER)
PRODUCTS_URL = read_origin("PRODUCTS_URL", default=ISSUER)
for neighbour in {name for service in services().values() for name in service.calls} - {"accounts", "products"}:
    vars()[f"{neighbour.upper()}_URL"] = read_origin(f"{neighbour.upper()}_URL", default=ISSUER)
CLIENT_ID = read_text("CLIENT_ID")
CLIENT_SECRET = read_text("CLIENT_SECRET")
demand(bool(CLIENT_ID) == bool(CLIENT_SECRET), "CLIENT_ID and CLIENT_SECRET go together")
production(CLIENT_SECRET != DEVELOPMENT_KEY, "CLIENT_SECRET must not be the development key")
for service in SERVICES:
    for neighbour in services()[service].calls:
        production(
            CLIENT_ID or neighbour in SERVICES,
            f"CLIENT_ID and CLIENT_SECRET must be set: {service} calls {neighbour}, which is not in this process",
        )
JWT_ALGORITHM = read_text("JWT_ALGORITHM", default="ES256")
JWT_SIGNING_KEY = read_text("JWT_SIGNING_KEY")
demand(
    JWT_ALGORITHM in ("ES256", "RS256", "EdDSA", "HS256"),
    f"JWT_ALGORITHM must be ES256, RS256, EdDSA or HS256, not {JWT_ALGORITHM!r}",
)
demand(
    (JWT_ALGORITHM == "HS256") == bool(JWT_SIGNING_KEY),
    "JWT_SIGNING_KEY is for JWT_ALGORITHM=HS256, which needs it; the other algorithms keep their own keys",
)
demand(not JWT_SIGNING_KEY or len(JWT_SIGNING_KEY.encode()) >= 32, "JWT_SIGNING_KEY must have at least 32 bytes")
demand(
    not JWT_SIGNING_KEY or JWT_SIGNING_KEY not in (SECRET_KEY, *SECRET_KEY_FALLBACKS),
    "JWT_SIGNING_KEY must not be SECRET_KEY, nor one of SECRET_KEY_FALLBACKS",
)
demand(
    not JWT_SIGNING_KEY.startswith(("-----BEGIN", "ssh-", "ecdsa-")),
    "JWT_SIGNING_KEY must be a secret that is shared, not a key pair's half",
)
production(JWT_SIGNING_KEY != DEVELOPMENT_KEY, "JWT_SIGNING_KEY must not be the development key")

try:
    JWT_ENCRYPTION_KEYS = [read_encryption_key(key) for key in read_list("JWT_ENCRYPTION_KEY")]
except ValueError as error:
    raise ImproperlyConfigured(f"JWT_ENCRYPTION_KEY: {error} `manage.py encryption_key` prints one.") from error

TOKEN_LIFETIME = timedelta(minutes=10)
CLIENT_TOKEN_LIFETIME = timedelta(minutes=30)
REFRESH_IDLE_LIFETIME = timedelta(days=14)
SESSION_LIFETIME = timedelta(days=90)
REFRESH_GRACE = timedelta(seconds=30)
# How many factors staff have to prove before a token carries their scopes, and for how long two are enough.
STAFF_FACTORS = read_quota("STAFF_FACTORS", default=1 if DEBUG else 2, most=2)
STAFF_FACTOR_AGE = timedelta(hours=12)
# Seconds for which keys and lists that cannot be renewed are believed; their own end comes first unless it is less.
ISSUER_PATIENCE = read_quota("ISSUER_PATIENCE", default=2100, most=86_400 * 365)
demand(ISSUER_PATIENCE >= 10, "ISSUER_PATIENCE must be at least 10: keys and lists are renewed every 4 to 8 seconds")

# The seams: where a neighbour is a function call, and where it is HTTP --------------------------

TOKEN_ISSUER = "accounts.issuing.local_issuer.LocalIssuer" if "accounts" in SERVICES else "tokens.issuer.RemoteIssuer"
INVENTORY = (
    "config.local_inventory.LocalInventory" if "products" in SERVICES else "orders.inventory_http.RemoteInventory"
)

# What one buyer may hold, and what one person or network may take (docs/orders.md, docs/tokens.md) -

ORDER_LINES = read_quota("ORDER_LINES", default=50)
LINE_QUANTITY = read_quota("LINE_QUANTITY", default=10_000)
UNPAID_ORDERS = read_quota("UNPAID_ORDERS", default=10)
UNPAID_UNITS = read_quota("UNPAID_UNITS", default=1_000)
ORDERS_PER_DAY = read_quota("ORDERS_PER_DAY", default=500)
REJECTED_ORDERS_PER_DAY = read_quota("REJECTED_ORDERS_PER_DAY", default=100)
RESERVATIONS_PER_CLIENT = read_quota("RESERVATIONS_PER_CLIENT", default=100_000)
UNITS_PER_CLIENT = read_quota("UNITS_PER_CLIENT", default=10_000_000)
PAYMENT_TERM = timedelta(hours=read_quota("PAYMENT_HOURS", default=24))
REGISTRATIONS_PER_HOUR = read_quota("REGISTRATIONS_PER_HOUR", default=20)
SESSIONS_PER_PERSON = read_quota("SESSIONS_PER_PERSON", default=100)
demand(timedelta(days=365) >= PAYMENT_TERM, "PAYMENT_HOURS must be at most 8760, which is a year")
demand(ORDER_LINES <= 100, f"ORDER_LINES must be at most 100, which products takes, not {ORDER_LINES}")

# What pages and mails of the shop say ------------------------------------------------------------

# How to pay, on the page and in the mail of an order; and who sells, as it stands on a printed order.
PAYMENT_WORDS = read_words("PAYMENT_WORDS")
SELLER = read_words("SELLER", default="Tessera")

# Whether visitors see the catalogue before they log in: its pages, and reading it over the API.
PUBLIC_CATALOGUE = read_flag("PUBLIC_CATALOGUE", default=False)

# What is kept, and for how long (docs/deploying.md); all else is kept until somebody deletes it ----------

KEPT = {
    "events": timedelta(days=read_quota("EVENT_DAYS", default=365, most=36_500)),  # until `archive_events` moves them
    # E-mail addresses, names, IP addresses and devices in events; who ordered, in orders that ended unpaid.
    "people": timedelta(days=read_quota("PERSONAL_DAYS", default=180, most=36_500)),
    "sessions": timedelta(days=read_quota("SESSION_DAYS", default=30, most=3650)),  # that are over
    "codes": timedelta(hours=1),  # that were given to apps, after their end
    "token statuses": timedelta(days=1),  # after the end of the last token that names one
    "signing keys": timedelta(days=30),  # after their publication has ended
    "mails": timedelta(days=read_quota("MAIL_DAYS", default=14, most=3650)),  # that are done with
    # Name, address and e-mail address in a paid order, when somebody is erased: what the law has a shop keep.
    "people in orders": timedelta(days=read_quota("ORDER_DAYS", default=3650, most=36_500)),
    "idempotency keys": timedelta(hours=24),
    "baskets": timedelta(days=90),  # a line, after it was put in last
    # A late `reserve` comes within seconds: nobody tries longer, and an order waits for 15 minutes at most.
    "tombstones": timedelta(days=7),  # of reservations that were released and never held anything
    "uploads": timedelta(days=7),
}
demand(KEPT["events"] >= timedelta(days=30), "EVENT_DAYS must be at least 30, since `reconcile --mend` looks back")

# The database -----------------------------------------------------------------------------------

# A shop that was made when the file was still named by SERVICES keeps it.
NAMED_BY_SERVICES = VAR_DIR / "accounts-orders-products.sqlite3"
SQLITE_FILE = NAMED_BY_SERVICES if NAMED_BY_SERVICES.exists() else VAR_DIR / "tessera.sqlite3"
DATABASES = {"default": read_database("DATABASE_URL", default=f"sqlite:///{SQLITE_FILE}")}
# The role that may change and delete events, where that of DATABASE_URL may only add them (docs/deploying.md).
if read_text("EVENTS_DATABASE_URL"):
    DATABASES["events"] = read_database("EVENTS_DATABASE_URL", default="") | {"TEST": {"MIRROR": "default"}}
    demand(
        all(each["ENGINE"] == "django.db.backends.postgresql" for each in DATABASES.values())
        and len({each["NAME"] for each in DATABASES.values()}) == 1,
        "EVENTS_DATABASE_URL must lead another role to the PostgreSQL database of DATABASE_URL",
    )
# Requests that a process answers at once, threads of it that may wait for the database at once, and seconds that one
# request may wait for it in all.
THREADS = read_quota("THREADS", default=32, most=1000)
DATABASE_THREADS = read_quota("DATABASE_THREADS", default=max(1, THREADS - 2))
REQUEST_SECONDS = read_quota("REQUEST_SECONDS", default=10, most=3600)
for DATABASE in DATABASES.values():
    DATABASE.setdefault("CONN_MAX_AGE", read_count("CONN_MAX_AGE", default=600))
    DATABASE["CONN_HEALTH_CHECKS"] = True
    if DATABASE["ENGINE"] == "django.db.backends.postgresql":
        DATABASE["ENGINE"] = "database.postgresql"
        # Statements are parsed and planned once for each connection, unless a pooler may send the next one over
        # another. To compile a statement (JIT) takes longer than any of ours runs. The server looks every 2,000 ms
        # whether a client that it works for is still there: a cancellation that comes before its statement is lost.
        # What a pooler cannot pass on is said to the role.
        of_session = "-c jit=off -c client_connection_check_interval=2000"
        own = {"server_side_binding": True, "prepare_threshold": 5, "options": of_session}
        if DATABASE["POOLER"]:
            del own["options"]
        if DATABASE["POOLER"] == "transaction":
            own["prepare_threshold"] = None
        # Seconds until a server that is away is given up, and milliseconds until one that vanished is.
        patience = {"connect_timeout": 3, "tcp_user_timeout": 5000}
        DATABASE["OPTIONS"] = own | patience | DATABASE.get("OPTIONS", {})
    if DATABASE["ENGINE"] == "django.db.backends.sqlite3":
        DATABASE["ENGINE"] = "database.sqlite"
        # As Django's SQLite has it; pytest-django knows that one by name alone.
        DATABASE["TEST"] = {"NAME": ":memory:"}
        VAR_DIR.mkdir(exist_ok=True)
        DATABASE["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        }

# Who signs in -----------------------------------------------------------------------------------

if "accounts" in SERVICES:
    AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/products/"
PASSWORD_HASHERS = ["accounts.login.hashers.OwaspArgon2", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.models.demo_accounts.DemoPasswordValidator"},
    {"NAME": "accounts.people.password_characters.TypedAgainValidator"},
    {"NAME": "accounts.people.context_words.ContextWordsValidator"},
    {"NAME": "accounts.login.new_passwords.EndsSessions"},
]
PASSWORD_WORDS = read_list("PASSWORD_WORDS")
PASSWORD_RESET_TIMEOUT = 86_400
"""Seconds for which a mailed link works; one that replaces a password works for less (`accounts.people.links`)."""
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
MESSAGE_STORAGE = "config.middleware.MessageStorage"

# The API ----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tokens.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tokens.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["wire.json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["wire.json.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "wire.api.accept.Negotiation",
    "DEFAULT_SCHEMA_CLASS": "wire.api.schema.TesseraSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "wire.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": "tokens.user.Anonymous",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_IDLE_LIFETIME,
    "ALGORITHM": JWT_ALGORITHM,
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ISSUER": ISSUER,
    "USER_ID_CLAIM": "sub",
    "TOKEN_USER_CLASS": "tokens.user.TokenUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tessera",
    "DESCRIPTION": "A shop whose services believe the token and nothing else. A query parameter that an operation "
    "does not name, or one given twice, is refused; an empty one counts as left out.",
    "VERSION": "1",
    "CONTACT": {"name": "Tessera"},
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "SERVERS": [{"url": "/", "description": "The shop that this document comes from."}],
    "OAS_VERSION": "3.1.0",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "wire.api.schema.complete_document"],
}

# Bounds on what a request may carry, whatever its view takes (`max_body`): bytes, fields, files
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 250  # A list of the admin with all its 200 rows ticked, and then some
DATA_UPLOAD_MAX_NUMBER_FILES = 1
FILE_UPLOAD_HANDLERS = ["config.uploads.RefuseFiles"]

# Browsers and proxies ---------------------------------------------------------------------------

PROXIES = read_count("PROXIES", default=0, most=20)
ALLOWED_HOSTS = read_hosts("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
production(ALLOWED_HOSTS and "*" not in ALLOWED_HOSTS, "ALLOWED_HOSTS must name the hosts that are served")
CORS_ALLOWED_ORIGINS = read_origins("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = r"^/(api|oauth)/"
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "if-match", "if-none-match", "traceparent", "x-request-id"]
CORS_EXPOSE_HEADERS = ["ETag", "Location", "Retry-After", "WWW-Authenticate", "X-Request-ID", "Idempotent-Replayed"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "object-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
FEATURES = ("camera", "geolocation", "microphone", "payment", "usb")
PERMISSIONS_POLICY: dict[str, list[str]] = {feature: [] for feature in FEATURES}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
SECURE_SSL_REDIRECT = not DEBUG
# What probes ask, and what anybody may know; others without TLS are sent to https or refused (TransportMiddleware).
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$", r"^\.well-known/"]
# Django looks for its own SecurityMiddleware by name; ours is one with more (TransportMiddleware).
SILENCED_SYSTEM_CHECKS = ["security.W001"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_NAME = "sessionid" if DEBUG else "__Host-sessionid"
CSRF_COOKIE_NAME = "csrftoken" if DEBUG else "__Host-csrftoken"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "wire.error_pages.csrf_failure"
if PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Words, times, files, mail ----------------------------------------------------------------------

LANGUAGE_CODE = "en"
# In which pages and mails say a time; what programs read is in UTC.
TIME_ZONE = read_time_zone("TIME_ZONE", default="UTC")
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

STATIC_URL = "/static/"
STATIC_ROOT = read_text("STATIC_ROOT", default=str(VAR_DIR / "static"))
demand(
    STATIC_ROOT and not VAR_DIR.resolve().is_relative_to(Path(STATIC_ROOT).resolve()),
    f"STATIC_ROOT must be a folder of its own, since all that is in it is shown to everybody, not {STATIC_ROOT!r}",
)
STORAGES = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = DEBUG

production(read_text("EMAIL_URL") or "accounts" not in SERVICES, "EMAIL_URL must be set: accounts sends mail")
vars().update(read_email("EMAIL_URL", default="consolemail://"))
# Accounts must be able to send mail; where orders is on its own, no address means that it sends none.
SENDS_MAIL = DEBUG or bool(read_text("EMAIL_URL"))
EMAIL_TIMEOUT = read_quota("EMAIL_TIMEOUT", default=10, most=3600)
DEFAULT_FROM_EMAIL = read_sender("DEFAULT_FROM_EMAIL", default="Tessera <no-reply@localhost>")
MAILS_PER_HOUR = read_quota("MAILS_PER_HOUR", default=50)

# Logs and traces --------------------------------------------------------------------------------

OTLP_ENDPOINT = read_text("OTEL_EXPORTER_OTLP_ENDPOINT")
demand(
    not OTLP_ENDPOINT or is_collector(OTLP_ENDPOINT),
    "OTEL_EXPORTER_OTLP_ENDPOINT must be like http://collector:4318, to which /v1/traces is added",
)
# The name under which the collector shows this process.
OTLP_NAME = read_text("OTEL_SERVICE_NAME", default="-".join(["tessera", *({*services()} - {*SERVICES} and SERVICES)]))
OTLP_HEADERS = read_text("OTEL_EXPORTER_OTLP_HEADERS")
# Seconds that a batch of spans may take, in a thread of its own.
OTLP_TIMEOUT = read_quota("OTEL_EXPORTER_OTLP_TIMEOUT", default=2, most=60)
if OTLP_ENDPOINT:
    MIDDLEWARE.insert(MIDDLEWARE.index("config.logs.LogMiddleware") + 1, "config.tracing.TracingMiddleware")

structlog.configure(
    processors=[*PROCESSORS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[LOG_LEVEL]),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": PROCESSORS,
            "processor": Console(colours=has_colours()) if DEBUG else structlog.processors.JSONRenderer(),
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # What these say is in the one line of the request, where no path or query shows a secret (config.logs).
    "loggers": {name: {"level": "CRITICAL"} for name in ("django.server", "django.request", "django.security")},
}
