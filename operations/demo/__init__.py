"""`make demo`: a real day of orders through a stack of its own."""
