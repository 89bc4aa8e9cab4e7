"""HTTP: one file a resource. Routes open the transaction, call the domain, and make documents of rows."""
