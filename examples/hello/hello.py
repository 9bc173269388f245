def handler(event, context):
    name = event["data"] or "world"
    return f"Hello {name}!\n"
