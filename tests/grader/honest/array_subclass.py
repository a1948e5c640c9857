"""Returns a subclass of an array, as some libraries do."""

LEVELS = ("process", "strict")


class Named(np.ndarray):
    name = "probabilities"


_softmax = softmax


def softmax(x):
    return _softmax(x).view(Named)


def denoise(measured):
    return np.ma.masked_array(measured).mean(axis=1).data.view(np.recarray)
