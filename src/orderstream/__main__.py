"""The `orders` command. Where its libraries are not installed, it says what to install."""

import sys
from typing import NoReturn

from orderstream import __version__


def main() -> NoReturn:
    """Run the command in the arguments of this process, and exit with its status."""
    # Asked for often, by scripts too, and the libraries of the commands take a second to load.
    if sys.argv[1:] == ["--version"]:
        print(__version__)
        sys.exit(0)
    try:
        from orderstream.cli import main as run

        run()
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in ("", "orderstream"):
            raise
        print(f"error: this command needs {name}, which is not installed", file=sys.stderr)
        print('hint: pip install "orderstream[standard]"', file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
