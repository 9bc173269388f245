def handler(event, context)
    return "there is no colon above"
