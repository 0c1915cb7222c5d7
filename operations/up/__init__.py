"""`make up`: the whole system on this machine."""
