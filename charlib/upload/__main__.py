"""`python -m charlib.upload spec.json`, or `accelerate launch -m charlib.upload spec.json`."""

import sys

from charlib.upload.trainer import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
