"""The peers, each written as its own documentation advises; all read the tables of Tessera.

Each takes DATABASE_URL and PEER_SECRET from the environment, answers `GET /api/products/` to a token
that carries `products:read`, 401 to one that is expired, and 403 to one without the scope.
"""
