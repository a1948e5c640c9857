"""Tries itself out when run as a program, and is not run as one."""

LEVELS = ("process", "strict")

if __name__ == "__main__":
    raise SystemExit(print(softmax(np.zeros(3))))
