import sys


async def handler(event, context):
    """Print as programs do."""
    print("printed by the function", event["event-id"])
    print("and without an end", end="")
    print("to stderr", file=sys.stderr)
    return "ok"
