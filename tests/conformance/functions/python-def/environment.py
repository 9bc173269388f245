import os


def handler(event, context):
    """The environment."""
    return dict(os.environ)
