"""Shares the work among threads that it joins."""

import threading

LEVELS = ("process", "strict")

_denoise = denoise


def denoise(measured):
    results = [None] * len(measured)

    def work(row):
        results[row] = measured[row].mean()

    threads = [threading.Thread(target=work, args=(row,)) for row in range(len(measured))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return np.array(results)
