"""Sessions: opened with a password, refreshed, ended; and how often a password may be guessed."""
