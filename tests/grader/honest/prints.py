"""Prints while it works and while it is imported, also a lot."""

import sys

LEVELS = ("process", "strict")

print("imported")
_softmax = softmax


def softmax(x):
    print("softmax of", x)
    print("more", file=sys.stderr, flush=True)
    print("€ äöü \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"))
    print("much\n" * 20_000)
    return _softmax(x)
