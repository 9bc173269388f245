async def handler(event, context):
    """Return what has no form on the wire."""
    return object()
