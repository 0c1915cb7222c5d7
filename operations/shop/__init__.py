"""`make shop`: products, stock, customers and their money, from files.

`command.py` is the command itself: it reads a shop's own file (`shop_file.py`) and sends it to the
API (`upload.py`). `seed.py` fills an empty shop from the days under `data/` (`shop_days.py`).
"""
