"""A function. Funkhaus calls `handler` for every request or event."""


def handler(event, context):
    """Greet whoever is named.

    event["data"] is what was sent: parsed JSON for application/json, bytes otherwise.
    event["extensions"]["request"] has method, path, query and headers.
    context has function-name, timeout, runtime and memory-limit.
    Whatever is returned is the answer: text, bytes, or anything JSON can say.
    """
    data = event["data"]
    name = data.get("name") if isinstance(data, dict) else None
    return {"greeting": f"Hello, {name or 'world'}!"}
