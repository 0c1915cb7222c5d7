"""`make growth`: what becomes of this system's speed when much is on record, or much is open.

`command.py` is the command itself. `copies.py` and `histories.py` fill the databases of a stopped
system with copies of orders that it really completed, as no machine could place so many.
`sizes.py`, `reviews.py`, `large_order.py` and `retention.py` each measure one thing.
"""
