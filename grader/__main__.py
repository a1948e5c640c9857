"""`python -m grader`."""

from grader.cli import main

if __name__ == "__main__":  # a process that grades side by side imports this again
    main()
