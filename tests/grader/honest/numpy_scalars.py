"""Returns NumPy's numbers where Python's would do, and the other way round."""

LEVELS = ("process", "strict")

_derivative, _moments = derivative, mean_and_variance


def derivative(f, x, h=1e-5):
    return np.float64(_derivative(f, x, h))


class Counter(Counter):
    def count(self, item):
        return np.int64(super().count(item))

    def most_common(self):
        return [(item, np.int32(count)) for item, count in super().most_common()]


def mean_and_variance(x):
    return tuple(np.asarray(value) for value in _moments(x))
