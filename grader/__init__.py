"""An auto-graded exercise framework: the judge, the wall, and the course that runs on them."""

__version__ = "0.1.0"
