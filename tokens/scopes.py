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

STAFF_SCOPES = {name: service.staff for name, service in services().items() if service.staff}
"""The scope that opens a service's section of the admin."""
