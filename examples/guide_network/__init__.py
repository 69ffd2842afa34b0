"""How the embedded super-resolution guide was trained and measured."""
