"""JSON of version 1 ↔ domain. Bodies are read strictly: unknown fields and other types are refused by path."""
