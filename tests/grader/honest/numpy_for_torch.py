"""Returns NumPy arrays where torch is asked for: told so kindly."""

SECTION = "torch_part"
LEVELS = ("process", "strict")
EXPECTS = {"rms_norm": "failed"}
SAYS = "must be a torch tensor; yours is an array of shape"

_rms_norm = rms_norm


def rms_norm(x, weight, eps=1e-6):
    return _rms_norm(x, weight, eps).detach().numpy()
