def handler(event, context):
    """All a function is told."""
    request = event["extensions"]["request"]
    data = event["data"]
    return {
        "data": data.decode() if isinstance(data, bytes) else data,
        "event": {key: value for key, value in event.items() if key.startswith("event-")},
        "context": context,
        "method": request.method,
        "path": request.path,
        "query": dict(request.query),
        "greeting": request.headers.get("x-greeting"),
        "body": request.body.read().decode("latin-1"),
    }
