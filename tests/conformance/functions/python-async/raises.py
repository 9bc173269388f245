async def handler(event, context):
    """Fail with words no caller may see."""
    raise LookupError("the secret ingredient is missing")
