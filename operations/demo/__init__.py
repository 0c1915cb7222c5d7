"""`make demo`: a real day of orders through an ephemeral stack.

`command.py` is the command itself. `shop_day.py` runs the day: `ephemeral_stack.py` is where,
`load_generator.py` places the orders, and `report.py` prints what became of them.
"""
