"""The policy engine: what it is asked (`inputs`), how it is asked (`client`), which policy answers (`revision`)."""
