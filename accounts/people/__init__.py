"""Who there is: registration, what a person changes about themselves, and what they may do."""
