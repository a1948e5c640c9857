"""A source that is hard on whoever reads it: a chain of 1500 attributes, in the exercise itself."""

LEVELS = ("process", "strict")
STATUS = "failed"


def misbehave():
    # fmt: off
    return (
        (0)
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
        .real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real.real
    )
