"""What can be wrong with a credential, each a named class."""


class TokenRefused(Exception):
    """The token is malformed, forged, expired, revoked or meant for another service."""


class ListUnknown(TokenRefused):
    """The token's status stands in a list that its issuer does not have."""


class RequestRefused(Exception):
    """The request presents its credentials in a way RFC 6750 2 forbids."""


class IssuerUnavailable(Exception):
    """No keys or status lists are known, so nothing can be said about any token."""
