"""Measurements: each is run by hand, says what it did, and fails if something was wrong."""
