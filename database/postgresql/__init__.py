"""PostgreSQL as Django has it, but for how a connection is found to be dead."""
