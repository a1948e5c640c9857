"""Classic wrong answers to the exercises of 2.6, each with the sentence that tells the learner which one it is."""

# ruff: noqa: F821 (`FeedForward` is the module's own, in which a mistake will stand)

import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.checks import mistake

# --- TinyGPT ---


@mistake(
    "TinyGPT",
    says="Your blocks attend without a mask: each position sees the token that it should predict.",
    patch=("x = block(x, mask)", "x = block(x)"),
)
class sees_the_future(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        V, T, C = config.vocab_size, config.block_size, config.hidden_size
        self.longest = T
        self.token_embedding, self.position_embedding = nn.Embedding(V, C), nn.Embedding(T, C)
        self.blocks = nn.ModuleList()
        for _ in range(config.num_layers):
            attention = parts.MultiHeadAttention(C, config.num_heads)
            self.blocks.append(parts.TransformerBlock(C, attention=attention, feed_forward=FeedForward(C)))
        self.norm = nn.RMSNorm(C, eps=1e-5)

    def forward(self, ids):
        if ids.size(1) > self.longest:
            raise ValueError("too long")
        x = self.token_embedding.weight[ids] + self.position_embedding.weight[: ids.size(1)]
        for block in self.blocks:
            x = block(x, None)
        return self.norm(x) @ self.token_embedding.weight.T


@mistake(
    "TinyGPT",
    says="Your model has a table of positions and never adds it: it can't tell one order of the tokens from another.",
    patch=("self.token_embedding(ids) + self.position_embedding(torch.arange(length))", "self.token_embedding(ids)"),
)
class without_positions(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        V, T, C = config.vocab_size, config.block_size, config.hidden_size
        self.longest, self.causal_mask = T, parts.causal_mask
        self.token_embedding, self.position_embedding = nn.Embedding(V, C), nn.Embedding(T, C)
        self.blocks = nn.ModuleList()
        for _ in range(config.num_layers):
            attention = parts.MultiHeadAttention(C, config.num_heads)
            self.blocks.append(parts.TransformerBlock(C, attention=attention, feed_forward=FeedForward(C)))
        self.norm = nn.RMSNorm(C, eps=1e-5)

    def forward(self, ids):
        if ids.size(1) > self.longest:
            raise ValueError("too long")
        x, mask = self.token_embedding(ids), self.causal_mask(ids.size(1))
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x) @ self.token_embedding.weight.T


@mistake(
    "TinyGPT",
    says="The stream goes to the output layer as it is; there is a last norm before it.",
    patch=("F.linear(self.norm(x), ", "F.linear(x, "),
)
class without_the_last_norm(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        V, T, C = config.vocab_size, config.block_size, config.hidden_size
        self.longest, self.causal_mask = T, parts.causal_mask
        self.token_embedding, self.position_embedding = nn.Embedding(V, C), nn.Embedding(T, C)
        self.blocks = nn.ModuleList()
        for _ in range(config.num_layers):
            attention = parts.MultiHeadAttention(C, config.num_heads)
            self.blocks.append(parts.TransformerBlock(C, attention=attention, feed_forward=FeedForward(C)))
        self.norm = nn.RMSNorm(C, eps=1e-5)

    def forward(self, ids):
        if ids.size(1) > self.longest:
            raise ValueError("too long")
        x = self.token_embedding.weight[ids] + self.position_embedding.weight[: ids.size(1)]
        for block in self.blocks:
            x = block(x, self.causal_mask(ids.size(1)))
        return torch.einsum("btc,vc->btv", x, self.token_embedding.weight)


@mistake(
    "TinyGPT",
    says="Your blocks are one and the same module, called several times: each needs weights of its own.",
    patch=(
        ("            parts.TransformerBlock(", "            [parts.TransformerBlock("),
        ("            for _ in range(config.num_layers)", "            ] * config.num_layers"),
    ),
)
class one_block_many_times(nn.Module):
    def __init__(self, config, parts):
        super().__init__()
        V, T, C = config.vocab_size, config.block_size, config.hidden_size
        self.longest, self.causal_mask = T, parts.causal_mask
        self.token_embedding, self.position_embedding = nn.Embedding(V, C), nn.Embedding(T, C)
        block = parts.TransformerBlock(C, parts.MultiHeadAttention(C, config.num_heads), FeedForward(C))
        self.blocks = nn.ModuleList()
        for _ in range(config.num_layers):
            self.blocks.append(block)
        self.norm = nn.RMSNorm(C, eps=1e-5)

    def forward(self, ids):
        if ids.size(1) > self.longest:
            raise ValueError("too long")
        x = self.token_embedding.weight[ids] + self.position_embedding.weight[: ids.size(1)]
        for block in self.blocks:
            x = block(x, self.causal_mask(ids.size(1)))
        return self.norm(x) @ self.token_embedding.weight.T


# --- initial_weights ---


@mistake(
    "initial_weights",
    says="All your matrices have the same spread; those that write to the residual stream begin smaller.",
    patch=("* std / shrink", "* std"),
)
def all_of_one_size(model, num_layers, generator, std=0.02):
    weights = {}
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            weights[name] = torch.empty(weight.shape, dtype=weight.dtype).normal_(std=std, generator=generator)
        else:
            weights[name] = weight.detach() * (0.0 if name.endswith("bias") else 1.0)
    return weights


@mistake(
    "initial_weights",
    says="You divide by 2·L. Variances add up, not standard deviations: it is the root that belongs there.",
    patch=("math.sqrt(2 * num_layers)", "2 * num_layers"),
)
def shrunk_without_the_root(model, num_layers, generator, std=0.02):
    weights = {}
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            scale = std / (2 * num_layers if name.split(".")[-2] in ("o_proj", "down") else 1)
            weights[name] = torch.empty(weight.shape, dtype=weight.dtype).normal_(std=scale, generator=generator)
        else:
            weights[name] = weight.detach() * (0.0 if name.endswith("bias") else 1.0)
    return weights


@mistake(
    "initial_weights",
    says="You set the gains of the norms to zero as well: then nothing comes through. Only biases begin at zero.",
    patch=(
        'torch.zeros_like(weight) if name.endswith("bias") else weight.detach().clone()',
        "torch.zeros_like(weight)",
    ),
)
def gains_of_zero(model, num_layers, generator, std=0.02):
    weights = {}
    for name, weight in model.named_parameters():
        weights[name] = torch.zeros(weight.shape, dtype=weight.dtype)
        if weight.dim() == 2:
            shrunk = name.endswith("o_proj.weight") or name.endswith("down.weight")
            spread = std * (2 * num_layers) ** (-0.5 if shrunk else 0)
            nn.init.normal_(weights[name], std=spread, generator=generator)
    return weights


# --- get_batch ---


@mistake(
    "get_batch",
    says="Your targets are the inputs: the target of a position is the token after it.",
    patch=("pieces[:, 1:]", "pieces[:, :-1]"),
)
def targets_are_the_inputs(path, batch_size, length, generator):
    tokens = np.memmap(path, dtype=np.uint16, mode="r")
    if len(tokens) < length + 1:
        raise ValueError("too short")
    starts = torch.randint(len(tokens) - length, (batch_size,), generator=generator)
    x = torch.stack([torch.from_numpy(tokens[int(start) :][:length].astype(np.int64)) for start in starts])
    return x, x.clone()


@mistake(
    "get_batch",
    says="Your pieces never reach the end of the file: with N tokens there are N − T places to begin.",
    patch=("torch.randint(len(tokens) - length,", "torch.randint(max(len(tokens) - length - 1, 1),"),
)
def last_place_left_out(path, batch_size, length, generator):
    tokens = np.memmap(path, dtype=np.uint16, mode="r")
    places = len(tokens) - length
    if places <= 0:
        raise ValueError("too short")
    starts = torch.randint(max(places - 1, 1), (batch_size,), generator=generator).numpy()
    index = starts[:, None] + np.arange(length)
    return torch.from_numpy(tokens[index].astype(np.int64)), torch.from_numpy(tokens[index + 1].astype(np.int64))


@mistake(
    "get_batch",
    says="You read the ids as signed numbers: those above 32,767 come out negative.",
    patch=('dtype="<u2"', 'dtype="<i2"'),
)
def signed_ids(path, batch_size, length, generator):
    tokens = np.memmap(path, dtype=np.int16, mode="r")
    if len(tokens) < length + 1:
        raise ValueError("too short")
    starts = torch.randint(len(tokens) - length, (batch_size,), generator=generator).tolist()
    rows = [[int(token) for token in tokens[start : start + length + 1]] for start in starts]
    return torch.tensor([row[:-1] for row in rows]), torch.tensor([row[1:] for row in rows])


# --- configure_optimizer ---


@mistake(
    "configure_optimizer",
    says="Biases and norms decay in yours as well; only matrices should be pulled towards zero.",
    patch=('"weight_decay": 0.0', '"weight_decay": weight_decay'),
)
def everything_decays(model, lr, weight_decay, betas=(0.9, 0.95)):
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    first = [weight for weight in weights if weight.ndim > 1]
    second = [weight for weight in weights if weight.ndim <= 1]
    return torch.optim.AdamW([{"params": first}, {"params": second}], lr=lr, betas=betas, weight_decay=weight_decay)


@mistake(
    "configure_optimizer",
    says="Your Adam adds the decay to the gradient, where it is divided by that gradient's size; AdamW keeps it apart.",
    patch=("torch.optim.AdamW(", "torch.optim.Adam("),
)
def decay_in_the_gradient(model, lr, weight_decay, betas=(0.9, 0.95)):
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    first = [weight for weight in weights if weight.ndim > 1]
    second = [weight for weight in weights if weight.ndim <= 1]
    groups = [{"params": first, "weight_decay": weight_decay}, {"params": second}]
    return torch.optim.Adam(groups, lr=lr, betas=betas)


@mistake(
    "configure_optimizer",
    says="You dropped the betas on the way: your optimizer has torch's own, not those that it was asked for.",
    patch=("lr=lr, betas=betas", "lr=lr"),
)
def betas_of_torch(model, lr, weight_decay, betas=(0.9, 0.95)):
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    first = [weight for weight in weights if weight.ndim > 1]
    second = [weight for weight in weights if weight.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": first}, {"params": second}], lr, weight_decay=0.0)
    optimizer.param_groups[0]["weight_decay"] = weight_decay
    return optimizer


@mistake(
    "configure_optimizer",
    says="Frozen parameters are in your groups: what needs no gradient is none of the optimizer's business.",
    patch=(" if weight.requires_grad]", "]"),
)
def takes_the_frozen(model, lr, weight_decay, betas=(0.9, 0.95)):
    decayed = {"params": [weight for weight in model.parameters() if weight.ndim > 1], "weight_decay": weight_decay}
    rest = {"params": [weight for weight in model.parameters() if weight.ndim <= 1], "weight_decay": 0.0}
    return torch.optim.AdamW([decayed, rest], lr, betas)


# --- lr_schedule ---


@mistake(
    "lr_schedule",
    says="Your first step has a learning rate of zero: it does nothing at all.",
    patch=("max_lr * (step + 1) / (warmup_steps + 1)", "max_lr * step / warmup_steps"),
)
def begins_at_zero(step, max_lr, min_lr, warmup_steps, total_steps):
    if step < warmup_steps:
        return step / warmup_steps * max_lr
    if step >= total_steps:
        return min_lr
    share = (1 + math.cos((step - warmup_steps) / (total_steps - warmup_steps) * math.pi)) / 2
    return share * max_lr + (1 - share) * min_lr


@mistake(
    "lr_schedule",
    says="Your cosine counts the warm-up as a part of itself, so the rate jumps where the way down begins.",
    patch=("(step - warmup_steps) / (total_steps - warmup_steps)", "step / total_steps"),
)
def cosine_from_the_first_step(step, max_lr, min_lr, warmup_steps, total_steps):
    if step < warmup_steps:
        return max_lr / (warmup_steps + 1) * (step + 1)
    if step >= total_steps:
        return min_lr
    share = (1 + math.cos(step / total_steps * math.pi)) / 2
    return share * max_lr + (1 - share) * min_lr


@mistake(
    "lr_schedule",
    says="Behind the last step your cosine goes on and the rate rises again; it should stay where it is.",
    patch=("if step >= total_steps:", "if total_steps == warmup_steps:"),
)
def rises_again(step, max_lr, min_lr, warmup_steps, total_steps):
    if step < warmup_steps:
        return max_lr / (warmup_steps + 1) * (step + 1)
    length = total_steps - warmup_steps
    share = (1 + math.cos((step - warmup_steps) / length * math.pi)) / 2 if length else 0
    return share * max_lr + (1 - share) * min_lr


@mistake(
    "lr_schedule",
    says="Your cosine goes through a whole period, down and up again; half a period leads from the top to the end.",
    patch=("math.pi * progress", "2 * math.pi * progress"),
)
def whole_period(step, max_lr, min_lr, warmup_steps, total_steps):
    if step < warmup_steps:
        return max_lr / (warmup_steps + 1) * (step + 1)
    if step >= total_steps:
        return min_lr
    return min_lr + (max_lr - min_lr) * math.cos((step - warmup_steps) / (total_steps - warmup_steps) * math.pi) ** 2


@mistake(
    "lr_schedule",
    says="Your cosine runs from max_lr down to zero, and min_lr has no part in it; it should run down to min_lr.",
    patch=("min_lr + (max_lr - min_lr) * (1 +", "max_lr * (1 +"),
)
def falls_to_zero(step, max_lr, min_lr, warmup_steps, total_steps):
    if step < warmup_steps:
        return max_lr / (warmup_steps + 1) * (step + 1)
    if step >= total_steps:
        return min_lr
    return max_lr * math.cos((step - warmup_steps) / (total_steps - warmup_steps) * math.pi / 2) ** 2


# --- Run ---


@mistake(
    "Run",
    says="The optimizer's state does not come back: its averages and step count begin anew, and the weights part ways.",
    patch=('        self.optimizer.load_state_dict(state["optimizer"])\n', ""),
)
class forgets_the_optimizer:
    def __init__(self, model, optimizer, generator, step=0, losses=None):
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.step, self.losses = step, [] if losses is None else losses

    def save_checkpoint(self, path):
        states = [each.state_dict() for each in (self.model, self.optimizer)]
        torch.save([*states, self.generator.get_state(), self.step, list(self.losses)], f"{path}.new")
        os.rename(f"{path}.new", path)

    def resume(self, path):
        model, _, generator, self.step, self.losses = torch.load(path, weights_only=True)
        self.model.load_state_dict(model)
        self.generator.set_state(generator)
        return self.step


@mistake(
    "Run",
    says="The generator's state does not come back: the resumed run draws other batches than the saved one would have.",
    patch=('        self.generator.set_state(state["generator"])\n', ""),
)
class forgets_the_generator:
    def __init__(self, model, optimizer, generator, step=0, losses=None):
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.step, self.losses = step, [] if losses is None else losses

    def save_checkpoint(self, path):
        states = [each.state_dict() for each in (self.model, self.optimizer)]
        torch.save([*states, self.generator.get_state(), self.step, list(self.losses)], f"{path}.new")
        os.rename(f"{path}.new", path)

    def resume(self, path):
        model, optimizer, _, self.step, self.losses = torch.load(path, weights_only=True)
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)
        return self.step


@mistake(
    "Run",
    says="The step does not come back, so a learning rate that follows it would begin its warm-up again.",
    patch=('self.step, self.losses = state["step"], state["losses"]', 'self.losses = state["losses"]'),
)
class forgets_the_step:
    def __init__(self, model, optimizer, generator, step=0, losses=None):
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.step, self.losses = step, [] if losses is None else losses

    def save_checkpoint(self, path):
        states = [each.state_dict() for each in (self.model, self.optimizer)]
        torch.save([*states, self.generator.get_state(), self.step, list(self.losses)], f"{path}.new")
        os.rename(f"{path}.new", path)

    def resume(self, path):
        model, optimizer, generator, _, self.losses = torch.load(path, weights_only=True)
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)
        self.generator.set_state(generator)
        return self.step


@mistake(
    "Run",
    says="You write over the old checkpoint while the new one is not complete: whoever is killed then has neither.",
    patch=(
        ('torch.save(state, f"{path}.partial")', "torch.save(state, path)"),
        ('        os.replace(f"{path}.partial", path)\n', ""),
    ),
)
class writes_over_the_old:
    def __init__(self, model, optimizer, generator, step=0, losses=None):
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.step, self.losses = step, [] if losses is None else losses

    def save_checkpoint(self, path):
        states = [each.state_dict() for each in (self.model, self.optimizer)]
        with open(path, "wb") as file:
            torch.save([*states, self.generator.get_state(), self.step, list(self.losses)], file)

    def resume(self, path):
        model, optimizer, generator, self.step, self.losses = torch.load(path, weights_only=True)
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)
        self.generator.set_state(generator)
        return self.step


@mistake(
    "Run",
    says="You let the file run code when it is read: somebody else's checkpoint could do anything on your machine.",
    patch=("torch.load(path)", "torch.load(path, weights_only=False)"),
)
class trusts_the_file:
    def __init__(self, model, optimizer, generator, step=0, losses=None):
        self.model, self.optimizer, self.generator = model, optimizer, generator
        self.step, self.losses = step, [] if losses is None else losses

    def save_checkpoint(self, path):
        states = [each.state_dict() for each in (self.model, self.optimizer)]
        torch.save([*states, self.generator.get_state(), self.step, list(self.losses)], f"{path}.new")
        os.rename(f"{path}.new", path)

    def resume(self, path):
        model, optimizer, generator, self.step, self.losses = torch.load(path, weights_only=False)
        self.model.load_state_dict(model)
        self.optimizer.load_state_dict(optimizer)
        self.generator.set_state(generator)
        return self.step


# --- train ---


@mistake(
    "train",
    says="You add up the losses of the accumulated batches; the update should have the gradient of their mean.",
    patch=(
        (" / accumulation\n", "\n"),
        ("total += loss.item()", "total += loss.item() / accumulation"),
    ),
)
def sum_of_the_batches(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    run.model.train()
    while run.step < until:
        for group in run.optimizer.param_groups:
            group["lr"] = schedule(run.step)
        batches = [draw(run.generator) for _ in range(accumulation)]
        losses = [F.cross_entropy(run.model(x).movedim(-1, 1), y) for x, y in batches]
        run.optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), max_norm)
        run.optimizer.step()
        run.losses.append(torch.stack(losses).mean().item())
        run.step += 1
    return run.losses


@mistake(
    "train",
    says="You never clear the gradients: each update is made with the sum of all that have been since the beginning.",
    patch=("        run.optimizer.zero_grad()\n", ""),
)
def never_cleared(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    run.model.train()
    while run.step < until:
        for group in run.optimizer.param_groups:
            group["lr"] = schedule(run.step)
        batches = [draw(run.generator) for _ in range(accumulation)]
        losses = [F.cross_entropy(run.model(x).movedim(-1, 1), y) for x, y in batches]
        torch.stack(losses).mean().backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), max_norm)
        run.optimizer.step()
        run.losses.append(torch.stack(losses).mean().item())
        run.step += 1
    return run.losses


@mistake(
    "train",
    says="You clip after every batch, when the gradient is not complete; the norm that counts is that of the whole.",
    patch=(
        (
            "            total += loss.item()\n",
            "            total += loss.item()\n"
            "            nn.utils.clip_grad_norm_(run.model.parameters(), max_norm / accumulation)\n",
        ),
        ("        nn.utils.clip_grad_norm_(run.model.parameters(), max_norm)\n", ""),
    ),
)
def each_batch_clipped(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    run.model.train()
    while run.step < until:
        for group in run.optimizer.param_groups:
            group["lr"] = schedule(run.step)
        run.optimizer.zero_grad(set_to_none=False)
        losses = []
        for _ in range(accumulation):
            x, y = draw(run.generator)
            loss = F.cross_entropy(run.model(x).movedim(-1, 1), y)
            losses.append(loss.item())
            (loss / accumulation).backward()
            nn.utils.clip_grad_norm_(run.model.parameters(), max_norm / accumulation)
        run.optimizer.step()
        run.losses.append(sum(losses) / accumulation)
        run.step += 1
    return run.losses


@mistake(
    "train",
    says="You clip every number of the gradient by itself, which turns it; scale the whole of it by its norm.",
    patch=("clip_grad_norm_(run", "clip_grad_value_(run"),
)
def every_number_clipped(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    run.model.train()
    while run.step < until:
        for group in run.optimizer.param_groups:
            group["lr"] = schedule(run.step)
        batches = [draw(run.generator) for _ in range(accumulation)]
        loss = sum(F.cross_entropy(run.model(x).movedim(-1, 1), y) for x, y in batches) / accumulation
        weights = list(run.model.parameters())
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = gradient.clamp(-max_norm, max_norm)
        run.optimizer.step()
        run.losses.append(loss.item())
        run.step += 1
    return run.losses


@mistake(
    "train",
    says="Your learning rate is one step ahead: the schedule is asked for the number of updates before this one.",
    patch=("schedule(run.step)", "schedule(run.step + 1)"),
)
def one_step_ahead(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    run.model.train()
    while run.step < until:
        for group in run.optimizer.param_groups:
            group["lr"] = schedule(run.step + 1)
        batches = [draw(run.generator) for _ in range(accumulation)]
        losses = [F.cross_entropy(run.model(x).movedim(-1, 1), y) for x, y in batches]
        run.optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), max_norm)
        run.optimizer.step()
        run.losses.append(torch.stack(losses).mean().item())
        run.step += 1
    return run.losses


@mistake(
    "train",
    says="Only the first group of your optimizer follows the schedule; every group has a learning rate of its own.",
    patch=("for group in run.optimizer.param_groups:", "for group in run.optimizer.param_groups[:1]:"),
)
def first_group_only(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    run.model.train()
    while run.step < until:
        run.optimizer.param_groups[0]["lr"] = schedule(run.step)
        batches = [draw(run.generator) for _ in range(accumulation)]
        losses = [F.cross_entropy(run.model(x).movedim(-1, 1), y) for x, y in batches]
        run.optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), max_norm)
        run.optimizer.step()
        run.losses.append(torch.stack(losses).mean().item())
        run.step += 1
    return run.losses


@mistake(
    "train",
    says="You log the last batch's share of the loss only; the loss of a step is the mean over all of its batches.",
    patch=("total += loss.item()", "total = loss.item()"),
)
def last_batch_logged(run, draw, schedule, until, accumulation=1, max_norm=1.0):
    run.model.train()
    while run.step < until:
        for group in run.optimizer.param_groups:
            group["lr"] = schedule(run.step)
        batches = [draw(run.generator) for _ in range(accumulation)]
        losses = [F.cross_entropy(run.model(x).movedim(-1, 1), y) for x, y in batches]
        run.optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        nn.utils.clip_grad_norm_(run.model.parameters(), max_norm)
        run.optimizer.step()
        run.losses.append(losses[-1].item() / accumulation)
        run.step += 1
    return run.losses


# --- estimate_loss ---


@mistake(
    "estimate_loss",
    says="You measure in whatever mode the model is in: with dropout at work it looks worse than it is.",
    patch=("    model.eval()\n", ""),
)
def measured_as_it_stands(model, draw, generator, batches):
    total = 0.0
    with torch.no_grad():
        for _ in range(batches):
            x, y = draw(generator)
            total += float(F.cross_entropy(model(x).movedim(-1, 1), y))
    return total / batches


@mistake(
    "estimate_loss",
    says="You leave the model in evaluation mode: from then on it trains without its dropout.",
    patch=("    model.train(training)\n", ""),
)
def left_in_evaluation(model, draw, generator, batches):
    model.train(False)
    losses = []
    with torch.no_grad():
        for _ in range(batches):
            x, y = draw(generator)
            losses.append(float(F.cross_entropy(model(x).movedim(-1, 1), y)))
    return float(np.mean(losses))


@mistake(
    "estimate_loss",
    says="You always leave the model in training mode; it should be in the mode it was in.",
    patch=("model.train(training)", "model.train()"),
)
def left_in_training(model, draw, generator, batches):
    model.eval()
    losses = []
    with torch.inference_mode():
        for _ in range(batches):
            x, y = draw(generator)
            losses.append(float(F.cross_entropy(model(x).movedim(-1, 1), y)))
    model.train(True)
    return sum(losses) / len(losses)


# --- training_flops ---


@mistake(
    "training_flops",
    says="You left out the products inside attention, queries with keys and weights with values: they grow with T.",
    patch=("matrices + table + attention", "matrices + table"),
)
def without_attention(config, tokens):
    V, C, L, T = config.vocab_size, config.hidden_size, config.num_layers, config.block_size
    blocks = 12 * L * C * C
    return 6 * tokens * (V * C + T * C + blocks + 7 * L * C + C), 6 * tokens * (blocks + V * C)


@mistake(
    "training_flops",
    says="You left out the output layer: its table is only looked up at the beginning, but multiplied at the end.",
    patch=("matrices + table + attention", "matrices + attention"),
)
def without_the_output_layer(config, tokens):
    V, C, L, T = config.vocab_size, config.hidden_size, config.num_layers, config.block_size
    blocks = 12 * L * C * C
    return 6 * tokens * (V * C + T * C + blocks + 7 * L * C + C), 6 * tokens * (blocks + 2 * L * T * C)


@mistake(
    "training_flops",
    says="You count the forward pass only: the backward pass costs twice as much again.",
    patch=(("return 6 *", "return 2 *"), (", 6 * (", ", 2 * (")),
)
def forward_only(config, tokens):
    V, C, L, T = config.vocab_size, config.hidden_size, config.num_layers, config.block_size
    blocks = 12 * L * C * C
    return 2 * tokens * (V * C + T * C + blocks + 7 * L * C + C), 2 * tokens * (blocks + V * C + 2 * L * T * C)


# --- fit_scaling_law ---


@mistake(
    "fit_scaling_law",
    says="Your E may be negative, and a loss below zero is nothing that a model could reach.",
    patch=("if E >= 0 and scaled >= 0:", "if scaled >= 0:"),
)
def negative_loss_left(sizes, losses, exponents=tuple(number / 100 for number in range(1, 201))):
    sizes, losses, found = np.array(sizes, dtype=float), np.array(losses, dtype=float), []
    for alpha in exponents:
        powers = (sizes / sizes.min()) ** -alpha
        table = np.stack([np.ones_like(powers), powers], axis=1)
        trials = [np.linalg.lstsq(table, losses, rcond=None)[0], np.array([losses.mean(), 0.0])]
        for E, A in trials:
            error = np.square(E + A * powers - losses).sum()
            if A >= 0:
                found.append((error, float(E), float(A * sizes.min() ** alpha), float(alpha)))
    return min(found)[1:]


@mistake(
    "fit_scaling_law",
    says="You fit a power law that goes to zero; it is E, the loss that no size removes, that bends the line.",
    patch=(
        "in free, (0.0, powers @ losses / (powers @ powers)), (losses.mean(), 0.0):",
        "in [(0.0, powers @ losses / (powers @ powers))]:",
    ),
)
def nothing_irreducible(sizes, losses, exponents=tuple(number / 100 for number in range(1, 201))):
    sizes, losses = np.array(sizes, dtype=float), np.array(losses, dtype=float)
    found = []
    for alpha in exponents:
        powers = (sizes / sizes.max()) ** -alpha
        scaled = np.dot(powers, losses) / np.dot(powers, powers)
        error = np.square(scaled * powers - losses).sum()
        found.append((error, 0.0, float(scaled * sizes.max() ** alpha), float(alpha)))
    return min(found)[1:]


@mistake(
    "fit_scaling_law",
    says="You measure A in units of your own scaled sizes; convert it back, so that A · N^−alpha holds for N itself.",
    patch=("scaled * unit**alpha, alpha))", "scaled, alpha))"),
)
def scaled_and_left(sizes, losses, exponents=tuple(number / 100 for number in range(1, 201))):
    sizes, losses, found = np.array(sizes, dtype=float), np.array(losses, dtype=float), []
    for alpha in exponents:
        powers = (sizes / sizes.min()) ** -alpha
        table = np.stack([np.ones_like(powers), powers], axis=1)
        trials = [np.linalg.lstsq(table, losses, rcond=None)[0], np.array([losses.mean(), 0.0])]
        trials.append(np.array([0.0, (powers * losses).sum() / (powers**2).sum()]))
        for E, A in trials:
            error = np.square(E + A * powers - losses).sum()
            if A >= 0 and E >= 0:
                largest = sizes.max()
                found.append((error, float(E), float(A * (sizes.min() / largest) ** alpha), float(alpha)))
    return min(found)[1:]
