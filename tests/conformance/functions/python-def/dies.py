import ctypes
import os
import signal
import time


def handler(event, context):
    """Die in the way the body says."""
    way = event["data"].decode()
    if way == "exit":
        os._exit(3)
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "crash":
        ctypes.string_at(0)
    if way == "sleep":
        time.sleep(1.5)
    if way == "fork" and not os.fork():
        return "the child's answer"
    if way == "close":
        os.closerange(3, 256)
    return "alive"
