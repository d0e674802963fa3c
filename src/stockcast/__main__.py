"""``python -m stockcast`` is the command line."""

import sys

from stockcast.cli import main

if __name__ == "__main__":
    sys.exit(main())
