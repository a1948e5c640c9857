"""Fills its scratch folder."""

LEVELS = ("strict",)  # elsewhere the folder is as large as the disk
STATUS = "failed"
SAYS = "OSError"


def misbehave():
    for number in range(10**6):
        with open(f"file{number}", "wb") as file:
            for _ in range(16):
                file.write(bytes(1 << 20))
