import time


async def handler(event, context):
    """Block the loop for as many seconds as the body says: a mistake that deserves to be told."""
    time.sleep(float(event["data"]))
    return "done"
