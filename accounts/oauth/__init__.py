"""OAuth clients: machines are registered, authenticated and given tokens."""
