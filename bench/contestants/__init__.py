"""How each contestant is installed, started, asked and stopped; `table.py` lists them."""
