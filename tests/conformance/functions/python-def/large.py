def handler(event, context):
    """Return as many bytes as the body says."""
    return b"x" * int(event["data"])
