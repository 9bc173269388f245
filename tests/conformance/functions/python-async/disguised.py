import functools


def logged(function):
    """A decorator that keeps the handler asynchronous, which its source does not show."""

    @functools.wraps(function)
    async def wrapper(event, context):
        return await function(event, context)

    return wrapper


async def greet(event, context):
    return "async after all"


handler = logged(greet)
