"""Works in float64 inside and returns what was asked for."""

SECTION = "torch_part"
LEVELS = ("process", "strict")

_rms_norm = rms_norm


def rms_norm(x, weight, eps=1e-6):
    return _rms_norm(x.double(), weight.double(), eps).to(x.dtype)
