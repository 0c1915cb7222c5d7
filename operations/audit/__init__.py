"""`make audit`: do the invariants hold? It asks the databases and Temporal, and changes nothing.

`command.py` is the command itself, `audit.py` looks at every invariant, `report.py` prints them.
One participant's invariants are SQL (`invariants.py`); across them, O2 compares orders with money
and stock (`ledger_reconciliation.py`), and O3 compares orders with their sagas
(`saga_reconciliation.py`, `sagas.py`).
"""
