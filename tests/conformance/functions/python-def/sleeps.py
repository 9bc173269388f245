import time


def handler(event, context):
    """Sleep for as many seconds as the body says."""
    time.sleep(float(event["data"] or 0))
    return "slept"
