"""What callers can ask of orders, without HTTP: place, act, view, list, follow."""
