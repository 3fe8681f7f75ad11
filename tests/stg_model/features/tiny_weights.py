"""Weight files of the real layouts, small: the published names with narrow layers.

`OpenAIClip` is CLIP written out with OpenAI's names, as an oracle for the mapping to transformers'.
"""

from __future__ import annotations

import gzip
import warnings

import numpy as np
import torch
from torch import nn

MERGES = ("c u", "cu t</w>", "e g", "eg g</w>", "t h", "th e</w>")
N_TOKENS = 512 + len(MERGES) + 2
CONTEXT = 12
IMAGE_PX, PATCH_PX = 24, 8
DIM = 32
WORDS = ("cut", "the", "egg", "stir", "soup", "don't")


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, width // 64, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x, mask):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, attn_mask=mask, need_weights=False)[0]
        hidden = self.mlp.c_fc(self.ln_2(x))
        return x + self.mlp.c_proj(hidden * torch.sigmoid(1.702 * hidden))


class Tower(nn.Module):
    def __init__(self, width, layers):
        super().__init__()
        self.resblocks = nn.ModuleList([Block(width) for _ in range(layers)])

    def forward(self, x, mask):
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Visual(nn.Module):
    def __init__(self, width, layers):
        super().__init__()
        n_tokens = 1 + (IMAGE_PX // PATCH_PX) ** 2
        self.conv1 = nn.Conv2d(3, width, PATCH_PX, PATCH_PX, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn(n_tokens, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Tower(width, layers)
        self.proj = nn.Parameter(torch.randn(width, DIM) * width**-0.5)

    def forward(self, pixels):
        x = self.conv1(pixels).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(x), 1, -1)
        x = self.ln_pre(torch.cat([first, x], 1) + self.positional_embedding)
        return self.ln_post(self.transformer(x, None)) @ self.proj


class OpenAIClip(nn.Module):
    """Returns all visual tokens, and all textual ones, in the common space."""

    def __init__(self, visual_width=128, text_width=64, layers=2):
        super().__init__()
        self.visual = Visual(visual_width, layers)
        self.transformer = Tower(text_width, layers)
        self.token_embedding = nn.Embedding(N_TOKENS, text_width)
        self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, text_width) * 0.1)
        self.ln_final = nn.LayerNorm(text_width)
        self.text_projection = nn.Parameter(torch.randn(text_width, DIM) * text_width**-0.5)
        self.logit_scale = nn.Parameter(torch.tensor(2.6593))
        for name, value in (
            ("input_resolution", IMAGE_PX),
            ("context_length", CONTEXT),
            ("vocab_size", N_TOKENS),
        ):
            self.register_buffer(name, torch.tensor(value))

    def forward(self, pixels, ids):
        n = ids.shape[1]
        mask = torch.full((n, n), -torch.inf).triu(1)
        x = self.token_embedding(ids) + self.positional_embedding[:n]
        return self.visual(pixels), self.ln_final(self.transformer(x, mask)) @ self.text_projection


def openai_clip(seed=0, **sizes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = OpenAIClip(**sizes).eval()
        for value in model.parameters():  # biases and norms that say something
            value.data += 0.05 * torch.randn_like(value)
    return model.half().float()  # values that 16 bits hold, as in the published file


def save_torchscript(module, path):
    """Save a traced module in half precision, as OpenAI published it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated, and its files are here to stay
        example = (torch.zeros(1, 3, IMAGE_PX, IMAGE_PX), torch.zeros(1, 4, dtype=torch.long))
        traced = torch.jit.trace(module.eval(), example, check_trace=False)
        traced.half().save(str(path))
    return path


def save_merges(path):
    lines = ["#version: 0.2", *MERGES, "merges that_are", "not used"]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def save_folder(model, words, folder):
    """Save what `load_clip` and `load_words` read as a Hugging Face folder."""
    import json

    model.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(words.vocabulary))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in words.merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    return folder


def s3d_tensors(seed=0, width=16, words=WORDS, word_dim=6):
    """Return a state_dict with the published network's 537 names, its channels divided."""
    from stg_model.features.s3d_network import S3d

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = S3d(len(words) + 1, word_dim, width)
        for name, value in model.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", "bias")):
                value.normal_(0, 0.1)
    return model.state_dict()


def save_s3d(folder, **sizes):
    """Save network and words; return their paths."""
    weights, dictionary = folder / "s3d_howto100m.pth", folder / "s3d_dict.npy"
    torch.save(s3d_tensors(**sizes), weights)
    np.save(dictionary, np.array(sizes.get("words", WORDS)))
    return weights, dictionary
