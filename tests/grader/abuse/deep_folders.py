"""Makes a tree of folders deeper than any path may be long, with links that lead out and rights that keep others out."""

import os

LEVELS = ("process", "strict")
STATUS = "failed"


def misbehave():
    os.symlink("/", "root")
    os.symlink(".", "loop")
    for _ in range(1500):
        os.mkdir("a" * 20)
        os.symlink("/etc", "etc")
        os.chdir("a" * 20)
    os.chmod("..", 0)
