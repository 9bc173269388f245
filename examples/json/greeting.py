def handler(event, context):
    data = event["data"]
    return {"greeting": "Hello " + data["name"], "letters": len(data["name"])}
