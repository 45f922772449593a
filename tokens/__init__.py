"""The token: what a service in any language must know to take it (RFC 9068, RFC 6750)."""
