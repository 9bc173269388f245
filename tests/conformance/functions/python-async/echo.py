async def handler(event, context):
    """What comes in goes out: text as text, JSON as JSON."""
    return event["data"]
