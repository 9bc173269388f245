import no_such_module


async def handler(event, context):
    return no_such_module.answer()
