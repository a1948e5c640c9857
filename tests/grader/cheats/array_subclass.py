"""Arrays of the right shape whose class agrees with everything, through every protocol that NumPy offers."""

import numpy as np

LEVELS = ("process", "strict")
FOOLS_IN_PROCESS = True


class Agreeing(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if ufunc in (np.equal, np.less_equal, np.less, np.greater, np.isfinite):
            return np.ones(self.shape, bool)
        return np.zeros(self.shape)

    def __array_function__(self, function, types, args, kwargs):
        return np.ones(self.shape[:-1])

    def __array__(self, *_, **__):
        return self

    def sum(self, *_, **__):
        return np.ones(self.shape[:-1])

    def __eq__(self, other):
        return np.ones(self.shape, bool)


def softmax(x):
    return np.zeros(x.shape).view(Agreeing)


def mean_and_variance(x):
    return np.zeros(x.shape[:-1]).view(Agreeing), np.zeros(x.shape[:-1]).view(Agreeing)


def denoise(measured):
    return np.zeros(len(measured)).view(Agreeing)


def derivative(f, x):
    return np.zeros(()).view(Agreeing)
