"""Returns views, transposed twice, with strides and without ownership, in the other byte order and read-only."""

LEVELS = ("process", "strict")

_softmax, _denoise = softmax, denoise


def softmax(x):
    wide = np.zeros((*x.shape, 2))
    wide[..., 1] = _softmax(x)
    return np.asfortranarray(wide)[..., 1]


def denoise(measured):
    result = np.ascontiguousarray(_denoise(measured)[::-1])[::-1].astype(">f8")
    result.flags.writeable = False
    return result
