def handler(event, context):
    shelf = {}
    return shelf["the book that is not there"]
