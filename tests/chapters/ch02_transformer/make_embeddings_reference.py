"""Make `embeddings_reference.json`: rotary embeddings and YaRN as `transformers` computes them.

    python tests/chapters/ch02_transformer/make_embeddings_reference.py

Needs transformers and torch; made with transformers 5.24.0 and torch 2.13.0. Nothing of the course is imported.
"half" is Llama's layout, "interleaved" GPT-J's.
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.gptj import modeling_gptj
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

HEADS, LENGTH, SIZE = 2, 5, 8
POSITIONS = torch.tensor([0, 1, 5, 17, 60])
YARN = [
    {"head_size": 64, "factor": 4.0, "original_length": 8192, "base": 100000.0},
    {"head_size": 128, "factor": 16.0, "original_length": 4096, "base": 10000.0},
    {"head_size": 32, "factor": 2.0, "original_length": 128, "base": 10000.0},
    {"head_size": 64, "factor": 8.0, "original_length": 32768, "base": 1e6, "beta_fast": 16.0, "beta_slow": 2.0},
]


def main():
    torch.manual_seed(0)
    x = (torch.randn(1, HEADS, LENGTH, SIZE) * 2).round(decimals=2)
    cases = [{"base": base, "layout": "half", "result": numbers(half(x, base))} for base in (10000.0, 100000.0)]
    cases.append({"base": 10000.0, "layout": "interleaved", "result": numbers(interleaved(x))})
    found = {
        "made_with": f"transformers {transformers.__version__}",
        "rotary": {"x": numbers(x[0]), "positions": POSITIONS.tolist(), "cases": cases},
        "yarn": [yarn(**arguments) for arguments in YARN],
    }
    Path(__file__).with_name("embeddings_reference.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


def half(x, base):
    rope = {"rope_type": "default", "rope_theta": base}
    config = LlamaConfig(hidden_size=HEADS * SIZE, num_attention_heads=HEADS, head_dim=SIZE, rope_parameters=rope)
    return apply_rotary_pos_emb(x, x, *LlamaRotaryEmbedding(config)(x, POSITIONS[None]))[0][0]


def interleaved(x):
    angles = modeling_gptj.create_sinusoidal_positions(128, SIZE)[POSITIONS][None]
    sin, cos = torch.split(angles, SIZE // 2, dim=-1)
    return modeling_gptj.apply_rotary_pos_emb(x.transpose(1, 2), sin, cos).transpose(1, 2)[0]


def yarn(head_size, factor, original_length, base, beta_fast=32.0, beta_slow=1.0):
    given = {"head_size": head_size, "factor": factor, "original_length": original_length, "base": base}
    if (beta_fast, beta_slow) != (32.0, 1.0):
        given |= {"beta_fast": beta_fast, "beta_slow": beta_slow}
    rope = {
        "rope_type": "yarn", "rope_theta": base, "factor": factor,
        "original_max_position_embeddings": original_length, "beta_fast": beta_fast, "beta_slow": beta_slow,
    }  # fmt: skip
    config = LlamaConfig(
        hidden_size=2 * head_size, num_attention_heads=2, head_dim=head_size,
        max_position_embeddings=int(original_length * factor), rope_parameters=rope,
    )  # fmt: skip
    frequencies, attention_factor = ROPE_INIT_FUNCTIONS["yarn"](config, torch.device("cpu"))
    return {
        "arguments": given,
        "frequencies": [float(f"{float(each):.8g}") for each in frequencies],
        "attention_factor": round(attention_factor, 12),
    }


def numbers(tensor):
    return [[[round(float(value), 6) for value in row] for row in head] for head in tensor]


if __name__ == "__main__":
    main()
