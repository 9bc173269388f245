import asyncio


async def handler(event, context):
    """Ignore every cancellation for a while."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 3
    while (left := end - loop.time()) > 0:
        try:
            await asyncio.sleep(left)
        except asyncio.CancelledError:
            continue
    return "awake at last"
