"""What others would have written: the same order, with the same services, on another engine."""
