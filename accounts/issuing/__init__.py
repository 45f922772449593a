"""What is signed and published: access and refresh tokens, keys, status lists."""
