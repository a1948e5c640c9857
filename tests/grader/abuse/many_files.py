"""Makes very many small files."""

LEVELS = ("strict",)
STATUS = "failed"
SAYS = "OSError"


def misbehave():
    for number in range(10**6):
        open(f"file{number}", "wb").close()
