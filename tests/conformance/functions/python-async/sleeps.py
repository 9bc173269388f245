import asyncio


async def handler(event, context):
    """Sleep for as many seconds as the body says."""
    await asyncio.sleep(float(event["data"] or 0))
    return "slept"
