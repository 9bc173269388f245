def handler(event, context):
    request = event["extensions"]["request"]
    return "You said: " + request.headers.get("X-Greeting", "nothing")
