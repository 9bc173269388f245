"""What passes by itself."""


class AwayError(Exception):
    """Whoever was asked did not answer, or said that it can't now; the same fetch may pass later."""
