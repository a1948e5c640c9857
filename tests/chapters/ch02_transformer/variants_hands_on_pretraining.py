"""Other correct answers to the exercises of 2.6, named `<exercise>__<how>`: the suite must pass every one of them."""

# ruff: noqa: F821 (`FeedForward` is the module's own, in which a variant will stand)

import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class TinyGPT__plain(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config = config
        self.make_mask = parts.causal_mask
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.block_size, config.hidden_size)
        blocks = []
        for _ in range(config.num_layers):
            attention = parts.MultiHeadAttention(config.hidden_size, config.num_heads)
            blocks.append(parts.TransformerBlock(config.hidden_size, attention, FeedForward(config.hidden_size)))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.RMSNorm(config.hidden_size, eps=1e-5)

    def forward(self, ids):
        if ids.shape[-1] > self.config.block_size:
            raise ValueError("too many tokens")
        x = self.token_embedding.weight[ids] + self.position_embedding.weight[: ids.shape[1]]
        mask = self.make_mask(ids.shape[1])
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x) @ self.token_embedding.weight.T


class TinyGPT__einsum(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config = config
        self.norm = nn.RMSNorm((config.hidden_size,), 1e-5)
        self.blocks = nn.ModuleList()
        for _ in range(config.num_layers):
            part = FeedForward(config.hidden_size)
            listening = parts.MultiHeadAttention(hidden_size=config.hidden_size, num_heads=config.num_heads)
            self.blocks.append(parts.TransformerBlock(config.hidden_size, attention=listening, feed_forward=part))
        # A mask for the longest sequence, cut where it is used; it is no part of the state_dict.
        self.register_buffer("mask", parts.causal_mask(config.block_size), persistent=False)
        self.position_embedding = nn.Embedding(config.block_size, config.hidden_size)
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)

    def forward(self, ids):
        batch, length = ids.shape
        if not length <= self.config.block_size:
            raise ValueError(f"{length} tokens are too many")
        positions = torch.arange(length).expand(batch, length)
        x = self.token_embedding(ids)
        x = x + self.position_embedding(positions)
        for block in self.blocks:
            x = block(x, self.mask[:length, :length])
        return torch.einsum("btc,vc->btv", self.norm(x), self.token_embedding.weight)


class TinyGPT__tied_linear(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        self.config, self.parts = config, parts
        size = config.hidden_size
        self.token_embedding, self.position_embedding = (
            nn.Embedding(count, size) for count in (config.vocab_size, config.block_size)
        )
        self.blocks = nn.ModuleList(
            [
                parts.TransformerBlock(size, parts.MultiHeadAttention(size, config.num_heads), FeedForward(size))
                for _ in range(config.num_layers)
            ]
        )
        self.norm = nn.RMSNorm(size, eps=1e-5)

    def forward(self, ids):
        if ids.shape[1] > self.config.block_size:
            raise ValueError("too long")
        tokens = F.embedding(ids, self.token_embedding.weight)
        x = tokens + self.position_embedding(torch.arange(ids.shape[1]).unsqueeze(0))
        for i in range(len(self.blocks)):
            x = self.blocks[i](x, self.parts.causal_mask(ids.shape[1]))
        return torch.matmul(self.norm(x), self.token_embedding.weight.transpose(0, 1))


def initial_weights__normal(model, num_layers, generator, std=0.02):
    weights = {}
    for name, weight in model.named_parameters():
        value = weight.detach().clone()
        if value.ndim == 2:
            residual = name.endswith("o_proj.weight") or name.endswith("down.weight")
            value.normal_(0.0, std / (2 * num_layers) ** 0.5 if residual else std, generator=generator)
        elif name.endswith("bias"):
            value.fill_(0)
        weights[name] = value
    return weights


def initial_weights__init(model, num_layers, generator, std=0.02):
    weights = dict(model.state_dict())
    for name, weight in model.named_parameters():
        if len(weight.shape) == 2:
            scale = std * (1 / math.sqrt(2 * num_layers) if name.split(".")[-2] in {"o_proj", "down"} else 1)
            weights[name] = nn.init.normal_(torch.empty_like(weight), std=scale, generator=generator).detach()
        else:
            weights[name] = weights[name] * (not name.endswith("bias"))
    return weights


def get_batch__index(path, batch_size, length, generator):
    tokens = np.memmap(path, dtype=np.uint16, mode="r")
    if len(tokens) - length < 1:
        raise ValueError("the file is too short")
    starts = torch.randint(len(tokens) - length, (batch_size,), generator=generator)
    index = starts.numpy()[:, None] + np.arange(length)
    x, y = tokens[index].astype(np.int64), tokens[index + 1].astype(np.int64)
    return torch.from_numpy(x), torch.from_numpy(y)


def get_batch__seek(path, batch_size, length, generator):
    count = os.path.getsize(path) // 2
    if count <= length:
        raise ValueError("the file is too short")
    x, y = [], []
    with open(path, "rb") as file:
        for start in torch.randint(count - length, (batch_size,), generator=generator):
            file.seek(2 * int(start))
            piece = np.frombuffer(file.read(2 * length + 2), dtype="<u2").tolist()
            x.append(piece[:-1])
            y.append(piece[1:])
    return torch.tensor(x), torch.tensor(y)


def get_batch__stack(path, batch_size, length, generator):
    data = np.memmap(Path(path), dtype=np.uint16, mode="r")
    if data.size < length + 1:
        raise ValueError("the file is too short")
    ix = torch.randint(0, data.size - length, (batch_size,), generator=generator)
    x = torch.stack([torch.from_numpy(data[i : i + length].astype(np.int64)) for i in ix])
    y = torch.stack([torch.from_numpy(data[i + 1 : i + 1 + length].astype(np.int64)) for i in ix])
    return x, y


def configure_optimizer__names(model, lr, weight_decay, betas=(0.9, 0.95)):
    named = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    decay = [weight for weight in named.values() if weight.dim() >= 2]
    rest = [weight for weight in named.values() if weight.dim() < 2]
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=tuple(betas), eps=1e-8)


def configure_optimizer__add_group(model, lr, weight_decay, betas=(0.9, 0.95)):
    lists = [], []
    for weight in model.parameters():
        if weight.requires_grad:
            lists[len(weight.shape) < 2].append(weight)
    optimizer = torch.optim.AdamW([{"params": lists[0]}], lr, betas, weight_decay=weight_decay)
    optimizer.add_param_group({"params": lists[1], "weight_decay": 0})
    return optimizer


def configure_optimizer__filter(model, lr, weight_decay, betas=(0.9, 0.95)):
    trained = list(filter(lambda weight: weight.requires_grad, model.parameters()))
    matrix = {id(weight) for weight in trained if weight.ndim > 1}
    return torch.optim.AdamW(
        [
            {"params": (w for w in trained if id(w) in matrix), "lr": lr},
            {"params": (w for w in trained if id(w) not in matrix), "lr": lr, "weight_decay": 0.0},
        ],
        weight_decay=weight_decay,
        betas=betas,
    )


def lr_schedule__branches(step, max_lr, min_lr, warmup_steps, total_steps):
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1) * max_lr
    if step >= total_steps:
        return float(min_lr)
    share = math.cos(math.pi / 2 * (step - warmup_steps) / (total_steps - warmup_steps)) ** 2
    return max_lr * share + min_lr * (1 - share)


def lr_schedule__numpy(step, max_lr, min_lr, warmup_steps, total_steps):
    rising = max_lr * np.minimum(1.0, (step + 1) / (warmup_steps + 1))
    progress = np.clip((step - warmup_steps) / max(1, total_steps - warmup_steps), 0.0, 1.0)
    falling = min_lr + 0.5 * (max_lr - min_lr) * (1.0 + np.cos(np.pi * progress))
    return rising if step < warmup_steps else min_lr if step >= total_steps else falling


def lr_schedule__interpolation(step, max_lr, min_lr, warmup_steps, total_steps):
    if step >= total_steps:
        return min_lr
    if step <= warmup_steps:
        return float(np.interp(step, [-1, warmup_steps], [0.0, max_lr]))
    middle, radius = (max_lr + min_lr) / 2, (max_lr - min_lr) / 2
    return middle + radius * math.cos(math.pi * (step - warmup_steps) / (total_steps - warmup_steps))


class Run__rename:
    def __init__(self, model, optimizer, generator, step=0, losses=None):
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.step, self.losses = step, losses or []

    def save_checkpoint(self, path):
        path = Path(path)
        torch.save(
            (
                self.model.state_dict(),
                self.optimizer.state_dict(),
                self.generator.get_state(),
                self.step,
                [float(loss) for loss in self.losses],
            ),
            path.with_name(path.name + ".tmp"),
        )
        path.with_name(path.name + ".tmp").rename(path)

    def resume(self, path):
        model, optimizer, generator, self.step, self.losses = torch.load(str(path), weights_only=True)
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)
        self.generator.set_state(generator)
        return self.step


class Run__in_memory_first:
    def __init__(self, model, optimizer, generator, step=0, losses=None):
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.step, self.losses = step, losses or []

    def save_checkpoint(self, path):
        import io

        buffer = io.BytesIO()
        state = {name: value for name, value in vars(self).items() if name in ("step", "losses")}
        for name in ("model", "optimizer"):
            state[name] = getattr(self, name).state_dict()
        torch.save(state | {"generator": self.generator.get_state()}, buffer)
        with open(f"{path}~", "wb") as file:
            file.write(buffer.getvalue())
            file.flush()
            os.fsync(file.fileno())
        shutil.move(f"{path}~", path)

    def resume(self, path):
        with open(path, "rb") as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
        for name in ("model", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["generator"])
        self.step = state["step"]
        self.losses[:] = state["losses"]
        return int(self.step)


class Run__two_files_in_one:
    """Numbers as JSON, tensors by torch, one behind the other."""

    def __init__(self, model, optimizer, generator, step=0, losses=None):
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.step, self.losses = step, losses or []

    def save_checkpoint(self, path):
        head = json.dumps({"step": self.step, "losses": self.losses}).encode() + b"\n"
        with open(f"{path}.new", "wb") as file:
            file.write(head)
        tensors = [self.model.state_dict(), self.optimizer.state_dict(), self.generator.get_state()]
        torch.save(tensors, f"{path}.tensors")
        with open(f"{path}.new", "ab") as file, open(f"{path}.tensors", "rb") as other:
            file.write(other.read())
        os.replace(f"{path}.new", path)

    def resume(self, path):
        import io

        head, _, tensors = Path(path).read_bytes().partition(b"\n")
        numbers = json.loads(head)
        model, optimizer, generator = torch.load(io.BytesIO(tensors))
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)
        self.generator.set_state(generator)
        self.step, self.losses = numbers["step"], numbers["losses"]
        return self.step


def train__one_graph(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    run.model.train()
    for step in range(run.step, until):
        losses = []
        for _ in range(accumulation):
            x, y = draw(run.generator)
            losses.append(F.cross_entropy(run.model(x).transpose(1, 2), y))
        loss = torch.stack(losses).mean()
        run.optimizer.zero_grad(set_to_none=False)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(run.model.parameters(), max_norm)
        for group in run.optimizer.param_groups:
            group["lr"] = schedule(step)
        run.optimizer.step()
        run.losses.append(float(loss.detach()))
        run.step = step + 1
    return run.losses


def train__by_hand(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    run.model.train(True)
    weights = [weight for weight in run.model.parameters() if weight.requires_grad]
    while run.step < until:
        sums, total = [torch.zeros_like(weight) for weight in weights], 0.0
        for _ in range(accumulation):
            x, y = draw(run.generator)
            log_probabilities = run.model(x).log_softmax(-1)
            loss = -log_probabilities.gather(-1, y[..., None]).mean()
            for each, gradient in zip(sums, torch.autograd.grad(loss, weights), strict=True):
                each += gradient / accumulation
            total += loss.item() / accumulation
        norm = torch.sqrt(sum((each**2).sum() for each in sums))
        for weight, gradient in zip(weights, sums, strict=True):
            weight.grad = gradient if norm <= max_norm else gradient * (max_norm / norm)
        rate = schedule(run.step)
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        run.optimizer.step()
        run.losses.append(total)
        run.step += 1
    return run.losses


def train__one_batch(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    while run.step < until:
        run.model.train()
        x, y = (torch.cat(each) for each in zip(*(draw(run.generator) for _ in range(accumulation)), strict=True))
        logits = run.model(x)
        loss = nn.CrossEntropyLoss()(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))
        for weight in run.model.parameters():
            weight.grad = None
        loss.backward()
        nn.utils.clip_grad_norm_(list(run.model.parameters()), max_norm, error_if_nonfinite=False)
        for group in run.optimizer.param_groups:
            group.update(lr=schedule(run.step))
        run.optimizer.step()
        run.losses += [loss.item()]
        run.step += 1
    run.model.train()
    return run.losses


def estimate_loss__numpy(model, draw, generator, batches):
    was = model.training
    losses = np.zeros(batches)
    with torch.no_grad():
        model.train(False)
        for place in range(batches):
            x, y = draw(generator)
            losses[place] = F.cross_entropy(model(x).transpose(1, 2), y)
        model.train(was)
    return float(losses.mean())


@torch.inference_mode()
def estimate_loss__inference(model, draw, generator, batches):
    was, total = model.training, 0.0
    model.eval()
    for _ in range(batches):
        x, y = draw(generator)
        total = total - float(model(x).log_softmax(-1).gather(-1, y.unsqueeze(-1)).mean())
    if was:
        model.train()
    return total / batches


def training_flops__products(config, tokens):
    C, T, V = config.hidden_size, config.block_size, config.vocab_size
    shapes = [(C, C)] * 4 + [(C, 4 * C), (4 * C, C)]
    per_sequence = sum(2 * T * rows * columns for rows, columns in shapes)
    per_sequence += config.num_heads * 2 * (2 * T * T * (C // config.num_heads))
    per_sequence = config.num_layers * per_sequence + 2 * T * C * V
    parameters = V * C + T * C + C
    for _ in range(config.num_layers):
        parameters += sum(rows * columns for rows, columns in shapes) + 4 * C + C + 2 * C
    return 6 * parameters * tokens, 3 * per_sequence * (tokens // T)


def fit_scaling_law__lstsq(sizes, losses, exponents=tuple(number / 100 for number in range(1, 201))):
    sizes, losses = np.array(sizes, dtype=np.float64), np.array(losses, dtype=np.float64)
    unit, best = np.exp(np.log(sizes).mean()), None
    for alpha in exponents:
        table = np.column_stack([np.ones(len(sizes)), (sizes / unit) ** -alpha])
        coefficients = np.linalg.lstsq(table, losses, rcond=None)[0]
        if coefficients[0] < 0:
            coefficients = np.array([0.0, np.dot(table[:, 1], losses) / np.dot(table[:, 1], table[:, 1])])
        elif coefficients[1] < 0:
            coefficients = np.array([np.mean(losses), 0.0])
        error = float(np.sum((table @ coefficients - losses) ** 2))
        if best is None or error < best[0]:
            best = error, coefficients[0], coefficients[1] * unit**alpha, alpha
    return best[1:]


def fit_scaling_law__centred(sizes, losses, exponents=tuple(number / 100 for number in range(1, 201))):
    sizes, losses = torch.as_tensor(sizes, dtype=torch.float64), torch.as_tensor(losses, dtype=torch.float64)
    found = {}
    for alpha in exponents:
        p = (sizes / sizes[0]) ** (-alpha)
        slope = ((p - p.mean()) * (losses - losses.mean())).sum() / ((p - p.mean()) ** 2).sum()
        A = max(0.0, float(slope))
        E = float(losses.mean() - A * p.mean())
        if E < 0:
            E, A = 0.0, float((p * losses).sum() / (p * p).sum())
        found[float(((E + A * p - losses) ** 2).sum())] = E, A * float(sizes[0]) ** alpha, alpha
    return found[min(found)]
