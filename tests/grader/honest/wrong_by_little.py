"""Has one classic mistake, which is named."""

LEVELS = ("process", "strict")
EXPECTS = {"softmax": "failed"}
DIAGNOSIS = "You normalised over all entries instead of the last axis."


def softmax(x):
    if not x.shape[-1]:
        raise ValueError("empty")
    return np.exp(x) / np.exp(x).sum()
