"""The words a token may carry in `scope`, and the services it may be meant for (RFC 6749 3.3)."""

from tokens.registry import services

SERVICES = tuple(services())
"""The audience of a person's token, the same in every shape of deployment."""

_scopes = {name: scope for service in services().values() for name, scope in service.scopes.items()}

SCOPES = {name: _scopes[name].meaning for name in sorted(_scopes)}
"""What each scope means, in words for people."""

ROLE_SCOPES = tuple(name for name in SCOPES if _scopes[name].people)
"""What a role may carry."""

CLIENT_SCOPES = tuple(name for name in SCOPES if _scopes[name].clients)
"""What a registered client may carry."""

VERIFIED_SCOPES = frozenset(name for name in ROLE_SCOPES if _scopes[name].verified)
"""What a person carries only once their e-mail address is verified."""

IDENTITY_SCOPES = tuple(name for name in SCOPES if _scopes[name].apps)
"""What any app may ask a person for: who they are."""

SERVICE_OF = {name: service.name for service in services().values() for name in service.scopes}
"""The service that each scope is of."""

STAFF_SCOPES = {name: service.staff for name, service in services().items() if service.staff}
"""The scope that opens a service's section of the admin."""

OWN_SCOPES = frozenset({*STAFF_SCOPES.values(), *(name for name in ROLE_SCOPES if _scopes[name].own)})
"""What a person carries only where they logged in themselves: no app gets it, and no service that acts for them."""

APP_SCOPES = tuple(name for name in ROLE_SCOPES if name not in OWN_SCOPES)
"""What people may let an app do."""
