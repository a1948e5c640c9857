"""Has written half: what is written counts, what is not is still to do, also below its surface."""

LEVELS = ("process", "strict")
EXPECTS = {"softmax": "todo", "Counter": "todo", "derivative": "failed"}
SAYS = "Not written yet"


def softmax(x):
    raise NotImplementedError


class Counter:
    def __init__(self):
        self.total = 0

    def add(self, item):
        raise NotImplementedError("later")


def derivative(f, x):
    pass
