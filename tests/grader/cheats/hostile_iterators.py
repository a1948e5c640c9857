"""Iterators that never end in the judge, and that change what they gave."""

SECTION = "torch_part"
LEVELS = ("process", "strict")


class Windows:
    def __init__(self):
        self.given = []

    def __iter__(self):
        return self

    def __next__(self):
        self.given.append(0)
        return self.given

    def __eq__(self, other):
        return True

    def __len__(self):
        return 2**60


def windows(tokens, size):
    return Windows()


def rms_norm(x, weight, eps=1e-6):
    return Windows()
