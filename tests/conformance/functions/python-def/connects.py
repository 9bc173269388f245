import os
import socket

OURS, THEIRS = socket.socketpair()
OURS.settimeout(5)


def handler(event, context):
    """Use a connection opened at import, which two processes must not share."""
    OURS.send(f"{os.getpid()};".encode())
    return {"pid": os.getpid(), "heard": THEIRS.recv(100).decode()}
