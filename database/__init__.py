"""What every service does alike with its database: prepared SQL, deleting in batches, leases, and the two backends."""
