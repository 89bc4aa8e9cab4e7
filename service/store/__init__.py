"""Every SQL statement of the service. Functions take a session and never commit: one edge, one commit."""
