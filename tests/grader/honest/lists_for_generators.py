"""Gives iterators of other kinds where a generator is asked for."""

import itertools

SECTION = "torch_part"
LEVELS = ("process", "strict")


class Windows:
    def __init__(self, tokens, size):
        self.tokens, self.size, self.start = tokens, size, -1

    def __iter__(self):
        return self

    def __next__(self):
        self.start += 1
        if self.start + self.size > len(self.tokens):
            raise StopIteration
        return list(itertools.islice(self.tokens, self.start, self.start + self.size))


windows = Windows
