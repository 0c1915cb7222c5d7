"""The stock service: products, and a log of every movement."""
