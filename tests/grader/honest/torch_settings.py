"""Changes torch's settings for its own work: they end with the check."""

SECTION = "torch_part"
LEVELS = ("process", "strict")

torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
torch.manual_seed(3)
torch.set_printoptions(precision=1)
