"""`python -m gonogo` is the command line."""

from gonogo.cli.main import main

if __name__ == "__main__":
    main()
