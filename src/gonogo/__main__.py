"""`python -m gonogo` is the command line."""

from gonogo.cli.at_once import main

if __name__ == "__main__":
    main()
