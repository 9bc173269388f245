import subprocess
import time


def handler(event, context):
    """Start a program, tell its process id, and overrun."""
    child = subprocess.Popen(["sleep", "300"])
    print(f"child {child.pid}")
    time.sleep(60)
    return "done"
