"""The order service: the record that tells for ever what became of an order."""
