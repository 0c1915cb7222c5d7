"""`make reconcile`: do our books of card payments and the provider's agree? It changes nothing.

`command.py` is the command itself. Both books are read page by page (`provider_books.py`,
`shop_books.py`) into a temporary file, where they are joined by order (`join.py`);
`differences.py` says what is wrong with one order, and `report.py` collects and prints it.
"""
