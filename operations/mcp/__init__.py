"""The door for assistants that start a program, in place of asking an address."""
