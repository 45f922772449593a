"""Second factors: an app's codes, recovery codes, passkeys; and logging in with them."""
