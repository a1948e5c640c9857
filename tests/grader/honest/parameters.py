"""Returns parameters, views and tensors that need gradients, where plain ones would do."""

SECTION = "torch_part"
LEVELS = ("process", "strict")

_rms_norm = rms_norm


def rms_norm(x, weight, eps=1e-6):
    return _rms_norm(x, nn.Parameter(weight), eps).unsqueeze(0).expand(3, *x.shape)[1].transpose(0, -1).transpose(0, -1)


class Scale(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size * 2)[::2])

    def forward(self, x):
        return torch.einsum("...d,d->...d", x, self.weight)
