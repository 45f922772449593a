"""Mail through a table: written in the transaction that wants it, sent by `manage.py work`."""
