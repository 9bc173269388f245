"""The waker: where calls of functions that sleep arrive, wait and are passed on. Warm calls don't come here."""
