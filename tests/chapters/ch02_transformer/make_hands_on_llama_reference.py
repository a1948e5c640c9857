"""Make `hands_on_llama_reference.json`: what `transformers` answers with the same model file, greedily, in float32.

    python tests/chapters/ch02_transformer/make_hands_on_llama_reference.py FOLDER

FOLDER holds SmolLM2-135M-Instruct.Q4_1.gguf. Needs transformers, accelerate, gguf, tokenizers and torch; made with
transformers 5.24.0, tokenizers 0.23.3 and torch 2.13.0. Nothing of the course is imported.

The token ids of the prompts come from `tokenizers`, built from the file's own vocabulary and merges with the split that
the model was trained with: each digit for itself, then GPT-2's expression. (The tokenizer that `transformers` builds
from this file leaves the split of digits out.) Kept are, for each prompt, its text and ids, the greedy ids that follow,
and of each of these the logit and its lead over the runner-up: a small lead is a near tie, in which two right programs
may part, so that prompts with a lead below LEAST_LEAD are refused.
"""

import json
import sys
from pathlib import Path

import gguf
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
LENGTH = 64
LEAST_LEAD = 0.01
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
QUESTIONS = [
    "What is the capital of France?",
    "Why is the sky blue?",
    "Write a short poem about the sea.",
]
TEXTS = [
    "The Transformer is a neural network architecture that",
    "In 1969, Apollo 11 took 8 days and 3 hours. The crew",
]


def main():
    folder = Path(sys.argv[1])
    tokenizer = tokenizer_of(folder / FILE)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=FILE, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None  # goes on behind the end of an answer
    prompts = [*map(chatml, QUESTIONS), *TEXTS]
    cases = [case(model, tokenizer, text) for text in prompts]
    path = Path(__file__).with_name("hands_on_llama_reference.json")
    lines = [json.dumps(each, ensure_ascii=False) for each in cases]
    path.write_text('{"cases": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")


def chatml(question):
    turns = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n"
    return turns + "<|im_start|>assistant\n"


def tokenizer_of(path):
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    kinds = fields["tokenizer.ggml.token_type"].contents()
    tokenizer = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    split = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(split)
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return tokenizer


@torch.no_grad()
def case(model, tokenizer, text):
    """The greedy continuation, found step by step without a cache's help, so that nothing rests on one."""
    prompt = tokenizer.encode(text).ids
    ids, logits, leads = list(prompt), [], []
    for _ in range(LENGTH):
        best = model(torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
        ids.append(int(best.indices[0]))
        logits.append(round(float(best.values[0]), 4))
        leads.append(round(float(best.values[0] - best.values[1]), 4))
    new = ids[len(prompt) :]
    print(f"{min(leads):.4f}  {tokenizer.decode(new, skip_special_tokens=False)!r}")
    if min(leads) < LEAST_LEAD:
        sys.exit(f"a near tie: a lead of {min(leads)} after {text!r}")
    return {"text": text, "prompt": prompt, "continuation": new, "logits": logits, "leads": leads}


if __name__ == "__main__":
    main()
