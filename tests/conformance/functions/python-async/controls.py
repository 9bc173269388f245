import bottle


async def handler(event, context):
    """Answer in the way the query asks for."""
    way = event["extensions"]["request"].query.get("way")
    if way == "response":
        event["extensions"]["response"].status = 201
        event["extensions"]["response"].set_header("x-made", "yes")
        event["extensions"]["response"].set_cookie("seen", "1")
        return {"made": True}
    if way == "raised":
        raise bottle.HTTPResponse("gone", status=410)
    if way == "framing":
        return bottle.HTTPResponse("abc", headers={"Content-Length": "1", "Connection": "upgrade"})
    if way == "split":
        return ("abc", 200, {"x-split": "a\r\nx-evil: yes"})
    if way == "empty":
        return ("abc", 204)
    if way == "nothing":
        return None
    return ("teapot", 418, {"x-kind": "tuple", "Content-Type": "text/plain"})
