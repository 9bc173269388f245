CALLS = []


async def handler(event, context):
    """Remember earlier calls."""
    CALLS.append(event["event-id"])
    return {"calls": len(CALLS)}
