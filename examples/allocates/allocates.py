def handler(event, context):
    shelf = []
    while True:
        shelf.append(bytearray(16 * 1024 * 1024))
