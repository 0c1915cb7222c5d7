"""Where the CPU of a contestant's Python processes goes, by thread, package and function."""
