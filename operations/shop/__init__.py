"""`make shop`: products, stock, customers and their money, from files."""
