"""The pages of accounts: log in and out, register, one's account, a forgotten password."""
