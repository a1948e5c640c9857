"""Uses a package that this section does without: told so at the line."""

LEVELS = ("process", "strict")
EXPECTS = {"softmax": "failed"}
SAYS = "This section works without `scipy`"


def softmax(x):
    from scipy import special

    return special.softmax(x, axis=-1)
