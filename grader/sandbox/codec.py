"""Values: what crosses the wall by value, with exact types, and the bounds on its size, depth and count.

A scalar is itself; everything else is a list whose first item is a tag. Mutable things are numbered as they are
finished, so that an object met twice crosses once and arrives as one object. What does not cross by value is handed to
a function that each side brings along: handles one way, callbacks the other.
"""

from grader.sandbox.decoder import Decoder
from grader.sandbox.encoder import Encoder
from grader.sandbox.values import torch_if_loaded

__all__ = ["Decoder", "Encoder", "torch_if_loaded"]
