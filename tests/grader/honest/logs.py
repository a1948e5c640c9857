"""Logs, with a configuration of its own."""

import logging

LEVELS = ("process", "strict")

logging.basicConfig(level=logging.DEBUG)
_softmax = softmax


def softmax(x):
    logging.getLogger(__name__).debug("softmax of %s", x)
    logging.warning("careful")
    return _softmax(x)
