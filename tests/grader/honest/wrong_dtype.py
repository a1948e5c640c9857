"""Works in float64 where the suite asks for float32: told so, and nothing else fails."""

SECTION = "torch_part"
LEVELS = ("process", "strict")
EXPECTS = {"rms_norm": "failed"}
SAYS = "must have dtype float32; yours has float64"

_rms_norm = rms_norm


def rms_norm(x, weight, eps=1e-6):
    return _rms_norm(x.double(), weight.double(), eps)
