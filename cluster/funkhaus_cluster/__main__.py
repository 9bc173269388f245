"""``python3 -m funkhaus_cluster``."""

import sys

from funkhaus_cluster.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
