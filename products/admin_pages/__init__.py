"""Pages of the admin beside its lists and forms."""
