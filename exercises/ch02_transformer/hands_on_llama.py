"""2.5 Hands-on: your Transformer runs a real LLM. A model file from the internet, and the parts that you have written.

Sources: Touvron et al. (2023), LLaMA: Open and Efficient Foundation Language Models, arXiv:2302.13971 (the
architecture); Allal et al. (2025), SmolLM2: When Smol Goes Big, arXiv:2502.02737 (the model); Gerganov and others,
the GGUF specification of the ggml project (the file); Xiao et al. (2023), Efficient Streaming Language Models with
Attention Sinks, arXiv:2309.17453 (what the picture of `main` shows).

Axes:
    B  sequences of the batch      T  new positions, those of this call     S  all positions, those in the cache first
    C  channels of the model       H  query heads                           G  key-value heads
    D  channels of one head        F  inner channels of the feed-forward    V  tokens of the vocabulary

What the earlier sections taught comes in an argument `parts`, an object with these attributes, yours where they pass
their checks:
    parts.Tokenizer(vocab, merges, special_tokens)                       2.1; has encode(text, allow_special=False) and
                                                                         decode(ids)
    parts.rotary_embedding(x, positions, base=10000.0, layout="half")    2.2; x is (..., T, D), positions is (T,)
    parts.causal_mask(length, past=0)                                    2.3; (T, S) boolean, True = may attend
    parts.rms_norm(x, weight, eps=1e-5)                                  2.3; over the last axis
    parts.grouped_query_attention(query, key, value, mask=None)          2.3; (B, H, T, D), (B, G, S, D), (B, G, S, D)

`grader run ch02/hands_on_llama` gathers the parts and calls `main`.
"""

import os
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

# --- the file ---

MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"

# Kinds of tensors by their number in the file: name, values in a block, bytes of a block.
TENSOR_KINDS = {0: ("F32", 1, 4), 3: ("Q4_1", 32, 20), 8: ("Q8_0", 32, 34)}
# Kinds of metadata by their number: what `struct` calls them. 8 is text and 9 a list.
NUMBER_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True)
class GGUFTensor:
    """One tensor as it stands in the file: `blocks` is (N, bytes of a block) uint8, in row-major order of `shape`."""

    kind: str
    shape: tuple
    blocks: np.ndarray


@dataclass(frozen=True)
class GGUF:
    """A model file: `metadata` by key (numbers, text and lists of them), `tensors` by name (`GGUFTensor`)."""

    metadata: dict
    tensors: dict


def read_gguf(path):
    """Read a GGUF file: magic, counts, metadata, the table of tensors, then their data. (Given: it is bookkeeping.)"""
    data = np.memmap(path, dtype=np.uint8, mode="r")  # the disk is read where the array is
    place = 0

    def number(format):
        nonlocal place
        (found,) = struct.unpack_from(f"<{format}", data, place)
        place += struct.calcsize(f"<{format}")
        return found

    def text():
        nonlocal place
        length = number("Q")
        place += length
        return bytes(data[place - length : place]).decode("utf-8")

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner, count = number("I"), number("Q")
            return [value(inner) for _ in range(count)]
        return number(NUMBER_FORMATS[kind])

    magic, version, num_tensors, num_keys = number("4s"), number("I"), number("Q"), number("Q")
    if magic != b"GGUF" or version not in (2, 3):
        raise ValueError(f"{path} must be a GGUF file of version 2 or 3, but begins with {magic!r}, version {version}")
    metadata = {text(): value(number("I")) for _ in range(num_keys)}
    table = []
    for _ in range(num_tensors):
        name, dimensions = text(), number("I")
        shape = tuple(number("Q") for _ in range(dimensions))[::-1]  # the file counts the axes from the last one
        table.append((name, shape, number("I"), number("Q")))
    alignment = metadata.get("general.alignment", 32)
    start = -(-place // alignment) * alignment  # the data begins at the next multiple
    tensors = {}
    for name, shape, number_of_kind, offset in table:
        kind, values, size = TENSOR_KINDS[number_of_kind]
        count = int(np.prod(shape)) // values
        first = start + offset
        tensors[name] = GGUFTensor(kind, shape, np.asarray(data[first : first + count * size]).reshape(count, size))
    return GGUF(metadata, tensors)


def dequantize_q8_0(blocks):
    """Turn blocks of 34 bytes into 32 numbers each: one scale and 32 whole numbers.

    Args:
        blocks: (N, 34) uint8 array, may be read-only. Bytes 0 and 1 are the scale d, a little-endian float16; bytes 2
            to 33 are 32 signed integers of eight bits q, in order.

    Returns:
        (N, 32) float32 array of d · q, the product taken in float32.

    Example:
        >>> block = np.zeros((1, 34), dtype=np.uint8)
        >>> block[0, :5] = [0x00, 0x38, 3, 255, 128]  # d = 0x3800 is 0.5; q is 3, -1, -128, 0, 0 ...
        >>> dequantize_q8_0(block)[0, :4].tolist()
        [1.5, -0.5, -64.0, 0.0]
    """
    raise NotImplementedError


def dequantize_q4_1(blocks):
    """Turn blocks of 20 bytes into 32 numbers each: a scale, a minimum and 32 numbers of four bits.

    Args:
        blocks: (N, 20) uint8 array, may be read-only. Bytes 0 and 1 are the scale d, bytes 2 and 3 the minimum m, both
            little-endian float16; bytes 4 to 19 hold 32 unsigned numbers q from 0 to 15, two in a byte: byte 4 + j has
            number j in its low four bits and number j + 16 in its high four bits.

    Returns:
        (N, 32) float32 array of d · q + m, product and sum taken in float32.

    Example:
        >>> block = np.zeros((1, 20), dtype=np.uint8)
        >>> block[0, :6] = [0x00, 0x38, 0x00, 0xBC, 0x31, 0xF2]  # d = 0.5, m = -1; 0x31 is 1 below and 3 above
        >>> dequantize_q4_1(block)[0, [0, 1, 2, 16, 17, 18]].tolist()
        [-0.5, 0.0, -1.0, 0.5, 6.5, -1.0]
    """
    raise NotImplementedError


def values_of(tensor):
    """Return the numbers of a `GGUFTensor` as a float32 array of its shape. (Given.)"""
    decode = {"F32": lambda blocks: blocks.view("<f4"), "Q4_1": dequantize_q4_1, "Q8_0": dequantize_q8_0}
    return np.array(decode[tensor.kind](tensor.blocks), dtype=np.float32).reshape(tensor.shape)


class LlamaConfig(NamedTuple):
    """The sizes and constants of a Llama, under the names of Hugging Face's `config.json`.

    Args:
        vocab_size: V.
        hidden_size: C.
        intermediate_size: F.
        num_hidden_layers: number of blocks.
        num_attention_heads: H, divides C.
        num_key_value_heads: G, divides H.
        rms_norm_eps: eps of every RMSNorm.
        rope_theta: base of the rotary embedding.
        max_position_embeddings: the longest context in training, in tokens.

    The property `head_dim` is D = C / H.

    Example:
        >>> config = LlamaConfig.from_gguf({
        ...     "llama.vocab_size": 96, "llama.embedding_length": 8, "llama.feed_forward_length": 24,
        ...     "llama.block_count": 3, "llama.attention.head_count": 4, "llama.context_length": 64,
        ...     "llama.attention.layer_norm_rms_epsilon": 0.25})
        >>> config.hidden_size, config.head_dim, config.num_key_value_heads, config.rope_theta
        (8, 2, 4, 10000.0)
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    rms_norm_eps: float
    rope_theta: float
    max_position_embeddings: int

    @property
    def head_dim(self):
        return self.hidden_size // self.num_attention_heads

    @staticmethod
    def from_gguf(metadata):
        """Read the configuration from the metadata of a model file.

        Args:
            metadata: dict with llama.vocab_size, llama.embedding_length (C), llama.feed_forward_length,
                llama.block_count, llama.attention.head_count, llama.attention.head_count_kv,
                llama.attention.layer_norm_rms_epsilon, llama.rope.freq_base and llama.context_length, among others.
                Files may leave out two of these: without llama.attention.head_count_kv every query head has a
                key-value head of its own, and without llama.rope.freq_base it is 10000.0.

        Returns:
            LlamaConfig.
        """
        raise NotImplementedError


# The file's names of the tensors and the model's. `blk.7.attn_q.weight` is the model's `layers.7.q_proj.weight`;
# those of the first line belong to no block.
GGUF_NAMES = {
    "token_embd": "embed_tokens", "output_norm": "norm",
    "attn_norm": "input_layernorm", "attn_q": "q_proj", "attn_k": "k_proj", "attn_v": "v_proj",
    "attn_output": "o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "gate_proj", "ffn_up": "up_proj",
    "ffn_down": "down_proj",
}  # fmt: skip


def load_gguf_weights(gguf, config):
    """Turn the tensors of a model file into the weights of a `Llama`: other names, plain numbers, un-permuted heads.

    Args:
        gguf: what `read_gguf` returns; `values_of(tensor)` gives the numbers of one of its tensors. All names are of
            the form `X.weight` or `blk.N.X.weight`, with X in `GGUF_NAMES`.
        config: LlamaConfig.

    Returns:
        dict from the model's names (`embed_tokens.weight`, `layers.0.q_proj.weight`, …, `norm.weight`), one for each
        tensor of the file, to float32 tensors of the same shapes.

    The file keeps the rows of attn_q, (H·D, C), and of attn_k, (G·D, C), in another order than the model: inside each
    head it has rows 0, D/2, 1, D/2 + 1, 2, D/2 + 2, … so that the two channels which rotate together are neighbours.
    Put them back into the order 0, 1, 2, … D − 1. All other tensors stay in their order.

    Example:
        >>> blocks = np.arange(8, dtype="<f4").view(np.uint8).reshape(8, 4)  # two heads of four channels, C = 1
        >>> gguf = GGUF({}, {"blk.5.attn_q.weight": GGUFTensor("F32", (8, 1), blocks)})
        >>> weights = load_gguf_weights(gguf, LlamaConfig(1, 1, 1, 1, 2, 1, 1e-5, 1e4, 1))
        >>> {name: weight.flatten().tolist() for name, weight in weights.items()}
        {'layers.5.q_proj.weight': [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]}
    """
    raise NotImplementedError


# --- the model ---


class RMSNorm(nn.Module):
    """`parts.rms_norm` with a weight of its own. (Given.)"""

    def __init__(self, size, eps, rms_norm):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps
        self.rms_norm = rms_norm

    def forward(self, x):
        return self.rms_norm(x, self.weight, self.eps)


class KVCache:
    """Keep the keys and values of all positions so far, so that each position is computed once.

    Args:
        num_layers: number of blocks; each has keys and values of its own.

    Example:
        >>> cache = KVCache(num_layers=1)
        >>> key, value = torch.full((1, 1, 2, 1), 7.0), torch.full((1, 1, 2, 1), 8.0)
        >>> keys, values = cache.update(0, key, value)
        >>> keys, values = cache.update(0, 9 * key[:, :, :1], value[:, :, :1])
        >>> keys.flatten().tolist(), values.flatten().tolist(), cache.length
        ([7.0, 7.0, 63.0], [8.0, 8.0, 8.0], 3)
    """

    def __init__(self, num_layers):
        raise NotImplementedError

    @property
    def length(self):
        """The number of positions that all layers hold, 0 at first.

        A pass through the model writes layer after layer, so it is the last layer that decides: its positions count.
        """
        raise NotImplementedError

    def update(self, layer, key, value):
        """Append the keys and values of new positions to those of one layer.

        Args:
            layer: index of the layer, from 0.
            key: (B, G, T, D) float tensor, the keys of T new positions.
            value: (B, G, T, D) float tensor, their values.

        Returns:
            Two tensors (B, G, S, D): the keys and the values of all positions of this layer, the oldest first.
        """
        raise NotImplementedError

    def truncate(self, length):
        """Forget every position from `length` on, in all layers: to go back and continue differently.

        Args:
            length: number of positions to keep, the oldest ones; a cache that has no more is left as it is.
        """
        raise NotImplementedError


class LlamaBlock(nn.Module):
    """One block of a Llama: attention with rotary positions and a SwiGLU layer, each adding to the residual stream.

    Args:
        config: LlamaConfig.
        parts: see the module's docstring.
        layer: index of this block; the cache keeps the block's keys and values under it.

    Its `state_dict` holds exactly: input_layernorm.weight and post_attention_layernorm.weight, each (C,), of two
    `RMSNorm`; q_proj.weight (H·D, C), k_proj.weight and v_proj.weight (G·D, C), o_proj.weight (C, H·D),
    gate_proj.weight and up_proj.weight (F, C) and down_proj.weight (C, F), of seven `nn.Linear` without bias. Head h
    owns the rows h·D … (h + 1)·D − 1 of its projection.

    Example:
        >>> config = LlamaConfig(vocab_size=9, hidden_size=8, intermediate_size=5, num_hidden_layers=1,
        ...     num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, rope_theta=1e4,
        ...     max_position_embeddings=64)
        >>> import types
        >>> block = LlamaBlock(config, types.SimpleNamespace(rms_norm=None))
        >>> {name: tuple(weight.shape) for name, weight in sorted(block.state_dict().items()) if "k_" in name}
        {'k_proj.weight': (4, 8)}
    """

    def __init__(self, config, parts, layer=0):
        super().__init__()
        raise NotImplementedError

    def forward(self, x, positions, mask=None, cache=None):
        """Pass the stream through the block.

        Args:
            x: (B, T, C) float tensor, the residual stream; left as it was.
            positions: (T,) integer tensor, the positions of the T new tokens.
            mask: (T, S) boolean tensor, True where a new position may attend; None hides nothing.
            cache: KVCache, or None. Rotated keys and plain values go in by `cache.update(layer, key, value)`, and what
                that returns is attended to.

        Returns:
            (B, T, C) tensor: h = x + o_proj(attention), with queries, keys and values from input_layernorm(x), queries
            and keys rotated in the layout "half" with base `rope_theta`; then h + down_proj(silu(gate_proj(n)) ·
            up_proj(n)) with n = post_attention_layernorm(h).

        The seven projections are called as modules: later chapters put others in their places.
        """
        raise NotImplementedError


class Llama(nn.Module):
    """A whole language model: token embedding, blocks, a last norm, and the embedding once more as the output layer.

    Args:
        config: LlamaConfig.
        parts: see the module's docstring.

    It keeps its configuration as `config`. Its `state_dict` holds exactly embed_tokens.weight (V, C) of an
    `nn.Embedding`, the weights of the blocks as layers.0.q_proj.weight and so on, of an `nn.ModuleList` of
    `LlamaBlock`, and norm.weight (C,) of an `RMSNorm`. The output layer is tied: there is no second table.

    Example:
        >>> import types
        >>> config = LlamaConfig(vocab_size=9, hidden_size=8, intermediate_size=5, num_hidden_layers=2,
        ...     num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, rope_theta=1e4,
        ...     max_position_embeddings=64)
        >>> model = Llama(config, types.SimpleNamespace(rms_norm=None))
        >>> sum(weight.numel() for weight in model.parameters())  # 72 + 2 · (64 + 32 + 32 + 64 + 3 · 40 + 16) + 8
        736
    """

    def __init__(self, config, parts):
        super().__init__()
        raise NotImplementedError

    def forward(self, ids=None, cache=None, inputs_embeds=None, hidden_states=False):
        """Say for every position how likely each token comes next.

        Args:
            ids: (B, T) integer tensor of tokens. They are the next ones after what the cache holds.
            cache: KVCache, or None for none: then the ids begin at position 0. The positions of this call are added
                to it, and earlier ones are attended to but not computed again.
            inputs_embeds: (B, T, C) float tensor that stands for the embedded tokens; then ids is None.
            hidden_states: whether the residual stream is returned as well.

        Returns:
            (B, T, V) tensor of logits; position t has seen the tokens up to and including t. With hidden_states the
            pair of it and a list of num_hidden_layers + 1 tensors (B, T, C): the stream before the first block, and
            after each block (the last norm belongs to the logits only).
        """
        raise NotImplementedError


class NoInitialValues(TorchFunctionMode):
    """Inside `with NoInitialValues():` new layers stay unfilled: weights from a file will replace them. (Given.)"""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__module__", "") == "torch.nn.init":
            return (kwargs or {}).get("tensor", args[0] if args else None)
        return func(*args, **(kwargs or {}))


def load_smollm2(parts):
    """Return SmolLM2-135M-Instruct, `(model, tokenizer)`, read from the folder of models. (Given.)

    Args:
        parts: see the module's docstring.

    Returns:
        A `Llama` in float32 (134,515,008 parameters, in evaluation mode) and a `parts.Tokenizer`.
    """
    gguf = read_gguf(Path(os.environ["GRADER_MODELS"]) / "smollm2" / MODEL_FILE)
    config = LlamaConfig.from_gguf(gguf.metadata)
    with NoInitialValues():
        model = Llama(config, parts)
    model.load_state_dict(load_gguf_weights(gguf, config), assign=True)
    return model.eval(), tokenizer_of(gguf.metadata, parts)


def tokenizer_of(metadata, parts):
    """Return the tokenizer whose vocabulary, merges and special tokens stand in a file's metadata. (Given.)"""
    vocab = {token: id for id, token in enumerate(metadata["tokenizer.ggml.tokens"])}
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    control = 3  # the kind of tokens that text never contains
    kinds = metadata["tokenizer.ggml.token_type"]
    special_tokens = {token: id for token, id in vocab.items() if kinds[id] == control}
    return parts.Tokenizer(vocab, merges, special_tokens)


# --- talking ---


@torch.no_grad()
def greedy_generate(model, ids, max_new_tokens, stop_ids=(), cache=None):
    """Append the most likely next token, again and again, each time reading what was written so far.

    Args:
        model: called as model(ids, cache) with a (1, T) int64 tensor; returns logits (1, T, V).
        ids: list of token ids, at least one: the prompt. Left as it was.
        max_new_tokens: how many tokens are made at most. The model is called once for each, never more often.
        stop_ids: token ids that end the text; the one that was found is not part of it.
        cache: KVCache whose positions the ids continue, an empty one for a new text. The model is then called with all
            ids once, and from there on with the one token that is new. None: it reads the whole text each time.

    Returns:
        list of int: the new token ids, without the prompt's.

    Example:
        >>> def model(ids, cache=None):  # whatever comes, the next token is one larger, counted modulo 5
        ...     return F.one_hot((ids + 1) % 5, 5).float()
        >>> greedy_generate(model, [2], max_new_tokens=4), greedy_generate(model, [2], 9, stop_ids=[1])
        ([3, 4, 0, 1], [3, 4, 0])
    """
    raise NotImplementedError


SYSTEM_MESSAGE = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def encode_chat(tokenizer, messages):
    """Write a conversation as the tokens the model was trained on (the format is called ChatML).

    Args:
        tokenizer: has encode(text, allow_special=False) → list of ids; with allow_special=True it turns the marks
            `<|im_start|>` and `<|im_end|>` in the text into one special token each.
        messages: list of dicts, at least one, with "role" ("system", "user" or "assistant") and "content", both text.

    Returns:
        list of ids. Each message is `<|im_start|>`, then role, newline and content as text, then `<|im_end|>`, then a
        newline as text. Where the first message is not the system's, SYSTEM_MESSAGE stands before it as one. At the
        end comes what opens the answer: `<|im_start|>`, then "assistant" and a newline as text. Whatever the messages
        say, no special token comes from their text. Text between two special tokens is encoded in one piece.

    Example:
        >>> class Letters:
        ...     def encode(self, text, allow_special=False):
        ...         return [{"<|im_start|>": 1, "<|im_end|>": 2}[text]] if allow_special else [text]
        >>> encode_chat(Letters(), [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}])
        [1, 'system\\nBe kind.', 2, '\\n', 1, 'user\\nHi', 2, '\\n', 1, 'assistant\\n']
    """
    raise NotImplementedError


def chat(model, tokenizer, messages, max_new_tokens=256):
    """Answer the last message of a conversation, greedily.

    Args:
        model: a `Llama`, or another callable like it, with `model.config.num_hidden_layers`.
        tokenizer: as in `encode_chat`, and with decode(ids) → text.
        messages: as in `encode_chat`, a user's message last. Left as it was.
        max_new_tokens: the longest answer.

    Returns:
        str: the text of the answer, decoded in one go, without the `<|im_end|>` that ends it. The model reads each
        token once: a fresh `KVCache` keeps what it has read.

    Example:
        >>> class Numbers:
        ...     def encode(self, text, allow_special=False):
        ...         return [{"<|im_start|>": 1, "<|im_end|>": 2}[text]] if allow_special else [len(text)]
        ...     def decode(self, ids):
        ...         return " ".join(map(str, ids))
        >>> def model(ids, cache=None):  # "assistant\\n" has ten letters; then come 9, 8, 7 ...
        ...     return F.one_hot(ids - 1, 100).float()
        >>> import types
        >>> model.config = types.SimpleNamespace(num_hidden_layers=1)
        >>> chat(model, Numbers(), [{"role": "user", "content": "Count down!"}])
        '9 8 7 6 5 4 3'
    """
    raise NotImplementedError


# --- what `grader run` does (given) ---

QUESTIONS = ["What is the capital of France?", "Why is the sky blue?", "How does a language model write a sentence?"]


def main(parts, folder):
    """Load the model with these parts, let it answer, measure it, and leave a transcript and a picture in `folder`."""
    # One token at a time reads every weight for a few products: more threads mostly wait, for memory and each other.
    torch.set_num_threads(1)
    folder, began = Path(folder), time.perf_counter()
    model, tokenizer = load_smollm2(parts)
    size = sum(weight.numel() for weight in model.parameters())
    print(f"SmolLM2-135M-Instruct: {size:,} parameters, loaded in {time.perf_counter() - began:.1f} s\n")
    transcript = ["# A chat with SmolLM2-135M-Instruct\n\nIt ran, greedily, on the code that `grader run` named.\n"]
    for question in QUESTIONS:
        ids = encode_chat(tokenizer, [{"role": "user", "content": question}])
        stop_ids, cache = tokenizer.encode("<|im_end|>", allow_special=True), KVCache(model.config.num_hidden_layers)
        answer, speed = timed(model, ids, 64, stop_ids, cache)
        same, slow = timed(model, ids, 10, stop_ids)
        agree = "the same tokens" if same == answer[: len(same)] else "OTHER TOKENS: something is wrong with the cache"
        text = tokenizer.decode(answer)
        print(f"> {question}\n{text}\n  {speed:.1f} tokens/s with the cache, {slow:.1f} without: {agree}\n")
        transcript.append(f"**{question}**\n\n{text}\n")
    (folder / "chat.md").write_text("\n".join(transcript), encoding="utf-8")
    draw(model, tokenizer, QUESTIONS[1], folder / "thinking.png")
    if sys.stdin.isatty():
        with suppress(EOFError, KeyboardInterrupt):
            talk(model, tokenizer)


def timed(*arguments):
    """Return what `greedy_generate` returns, and how many tokens came in a second."""
    began = time.perf_counter()
    tokens = greedy_generate(*arguments)
    return tokens, len(tokens) / (time.perf_counter() - began)


def talk(model, tokenizer):
    """Chat in the terminal until an empty line; the answers appear as they are made."""
    (stop,) = tokenizer.encode("<|im_end|>", allow_special=True)
    messages = []
    print("\nTalk to your model; an empty line ends the chat.")
    while question := input("> ").strip():
        messages.append({"role": "user", "content": question})
        answer, shown, cache = [], "", KVCache(model.config.num_hidden_layers)
        unread = encode_chat(tokenizer, messages)
        while len(answer) < 256 and (unread := greedy_generate(model, unread, 1, [stop], cache)):
            answer += unread  # the cache goes on from here
            text = tokenizer.decode(answer)
            if not text.endswith("\ufffd"):  # half of a letter: its other bytes come with the next token
                print(text[len(shown) :], end="", flush=True)
                shown = text
        print()
        messages.append({"role": "assistant", "content": tokenizer.decode(answer)})


@torch.no_grad()
def draw(model, tokenizer, question, path, length=24):
    """Draw how sure the model was of each token of an answer, and how long the vectors of its stream are."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        print("No picture: that needs matplotlib (pip install matplotlib).")
        return
    ids = encode_chat(tokenizer, [{"role": "user", "content": question}])
    answer = greedy_generate(model, ids, length, cache=KVCache(model.config.num_hidden_layers))
    logits, stream = model(torch.tensor([ids + answer]), hidden_states=True)
    best = torch.softmax(logits[0, len(ids) - 1 : -1], dim=-1).topk(2)  # (length, 2)
    names = [[tokenizer.decode([int(id)]).replace("\n", "↵") for id in pair] for pair in best.indices]
    lengths = torch.stack(stream)[:, 0].norm(dim=-1)  # (layers + 1, T)

    figure = Figure(figsize=(12, 5.5), layout="constrained")
    sure, norms = figure.subplots(1, 2, width_ratios=(3, 2))
    places = range(len(answer))
    sure.barh(places, best.values[:, 0], color="#0d7cc2", label="the token it wrote")
    sure.barh(places, best.values[:, 1], left=best.values[:, 0], color="#d55e00", label="the runner-up")
    for place, (_, second) in enumerate(names):
        sure.text(1.01, place, second, va="center", fontsize=8, color="#d55e00")
    sure.set_yticks(places, [first for first, _ in names], fontsize=8)
    sure.set(ylim=(len(answer) - 0.5, -0.5), xlim=(0, 1), xlabel="probability", title=question)
    sure.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, fontsize=8)
    norms.semilogy(lengths[:, 0], "s-", color="#d55e00", label="the first token, an attention sink")
    norms.semilogy(lengths[:, 1:].median(dim=1).values, "o-", color="#0d7cc2", label="the median of the others")
    norms.set(xlabel="blocks passed", title="length of the vectors in the residual stream")
    norms.legend(fontsize=8)
    figure.savefig(path, dpi=120)
