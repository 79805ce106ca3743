"""`python -m subwright`."""

from subwright.cli import main

if __name__ == "__main__":
    main(prog_name="subwright")
