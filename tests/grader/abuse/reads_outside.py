"""Reads what is outside its scratch folder."""

LEVELS = ("strict",)
STATUS = "failed"
SAYS = "Error"


def misbehave():
    for path in ("/etc/hostname", "/root/.profile", "/proc/version"):
        try:
            return open(path).read()
        except OSError as error:
            last = error
    raise last
