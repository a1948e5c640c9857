"""Writes outside its scratch folder."""

LEVELS = ("strict",)
STATUS = "failed"
SAYS = "Error"


def misbehave():
    for path in ("/tmp/x", "/dev/shm/x", "/x", "/site/x", "/var/tmp/x", "../x"):
        try:
            open(path, "w").close()
            return path
        except OSError as error:
            last = error
    raise last
