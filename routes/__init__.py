"""HTTP: the order service's front door."""
