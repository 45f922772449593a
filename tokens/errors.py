"""What can be wrong with a credential, each a named class."""


class TokenRefused(Exception):
    """The token is malformed, forged, expired, revoked or meant for another service."""


class OutOfTime(TokenRefused):
    """By our clock the token has expired, or is of the future."""


class ListUnknown(TokenRefused):
    """The token's status stands in a list that its issuer does not have."""


class RequestRefused(Exception):
    """The request presents its credentials in a way RFC 6750 2 forbids."""


class IssuerUnavailable(Exception):
    """No keys or status lists are known, so nothing can be said about any token."""


class ClocksDiffer(IssuerUnavailable):
    """What the issuer made a moment ago has expired here, or is of the future: one of the two clocks is wrong.

    `skew` is by how many seconds the issuer's is ahead at least, if that is known.
    """

    def __init__(self, skew: float = 0.0) -> None:
        self.skew = skew
        super().__init__(
            "Two servers of the shop have clocks that differ, so this one cannot tell who you are. "
            "Whoever runs the shop has to set them right; then this page works again by itself."
        )
