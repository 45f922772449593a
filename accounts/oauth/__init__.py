"""OAuth for machines: their registration and the endpoints of RFC 6749, 7009, 7662 and 8414."""
