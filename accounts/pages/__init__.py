"""The pages of accounts: log in and out, register, the account, a forgotten password."""
