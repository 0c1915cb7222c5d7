"""A durable saga on Temporal. Import the modules; this package itself imports nothing."""
