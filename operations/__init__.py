"""What operators run beside the system: starting it, demonstrating it."""
