"""`make bench`: this system and others beside it, in one run, with the same orders and services."""
