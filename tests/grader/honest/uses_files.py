"""Keeps intermediate results in files of its working folder and in temporary ones."""

import os
import tempfile

LEVELS = ("process", "strict")

_softmax = softmax


def softmax(x):
    result = _softmax(x)
    np.save("result.npy", result)
    os.makedirs("deep/er", exist_ok=True)
    with open("deep/er/note.txt", "w", encoding="utf-8") as file:
        file.write("ü")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        np.save(os.path.join(folder, "again.npy"), np.load("result.npy"))
    return np.load("result.npy")
