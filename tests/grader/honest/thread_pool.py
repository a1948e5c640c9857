"""Keeps a pool of threads for good, and calls back from them."""

from concurrent.futures import ThreadPoolExecutor

LEVELS = ("process", "strict")

POOL = ThreadPoolExecutor(16)


def denoise(measured):
    return np.array(list(POOL.map(lambda row: float(np.mean(row)), measured)))


def derivative(f, x, h=1e-5):
    high, low = POOL.map(f, [x + h, x - h])
    return (high - low) / (2 * h)
