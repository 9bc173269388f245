import asyncio


def blocking(function):
    """A decorator that makes the handler a plain function, which its source does not show."""

    def wrapper(event, context):
        return asyncio.run(function(event, context))

    return wrapper


@blocking
async def handler(event, context):
    return "plain after all"
