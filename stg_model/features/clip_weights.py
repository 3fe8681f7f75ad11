"""CLIP's weights in the network of transformers, from OpenAI's files or a Hugging Face folder.

OpenAI's names are mapped to Hugging Face's: the joint projection of query, key and value is split,
the two projections into the common space are transposed. All sizes are read off the tensors; heads
are 64 wide, as in every CLIP with a vision transformer that OpenAI published.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPConfig, CLIPModel

from dataset_builder import tables
from dataset_builder.errors import InputError
from stg_model.features.weight_files import check_shapes, digest_of_tensors, read_tensors, refuse

EXPECTED_FILE = "CLIP with a vision transformer, as OpenAI's ViT-B-32.pt"
EXPECTED_FOLDER = "a Hugging Face folder of CLIP with config.json and model.safetensors"
HEAD_DIM = 64
FOLDER_WEIGHTS = ("model.safetensors", "pytorch_model.bin")

NOT_WEIGHTS = re.compile(
    r"input_resolution|context_length|vocab_size|(.*\.)?attn_mask"  # OpenAI's archives
    r"|(text|vision)_model\.embeddings\.position_ids"  # Hugging Face's older files
)
"""Tensors that files hold beside the weights; each follows from the sizes."""

OUTER_NAMES = {
    "logit_scale": "logit_scale",
    "text_projection.weight": "text_projection",
    "visual_projection.weight": "visual.proj",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
    "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
    "vision_model.post_layernorm.weight": "visual.ln_post.weight",
    "vision_model.post_layernorm.bias": "visual.ln_post.bias",
}
BLOCK_NAMES = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}
JOINT = ("in_proj_weight", "in_proj_bias")
TRANSPOSED = ("text_projection", "visual.proj")
TOWERS = {"text_model": "transformer", "vision_model": "visual.transformer"}
BLOCK = re.compile(r"(\w+)\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")


@dataclass(frozen=True, slots=True)
class ClipWeights:
    """A frozen CLIP in evaluation mode.

    `digest` is of its values, whatever file they lay in; `dim` the size of the common space,
    `context` the most tokens of a text.
    """

    model: CLIPModel
    digest: str
    dim: int
    image_px: int
    patch_px: int
    context: int
    n_tokens: int


def load_clip(path: Path) -> ClipWeights:
    """Load CLIP from OpenAI's file or a Hugging Face folder.

    Args:
        path: a TorchScript archive or a pickled state_dict with OpenAI's names, or a folder with
            config.json and model.safetensors (or pytorch_model.bin).

    Raises:
        InputError: not such a file or folder, or a tensor is missing, unknown or of another shape.
    """
    if path.is_dir():
        weights, tensors, expected = *_folder_tensors(path), EXPECTED_FOLDER
        source: Callable[[str], str] = str
    else:
        weights, tensors, expected = path, read_tensors(path, EXPECTED_FILE), EXPECTED_FILE
        source = openai_name
    tensors = {name: t for name, t in tensors.items() if not NOT_WEIGHTS.fullmatch(name)}
    config = _config_of(weights, tensors, source, expected)
    if path.is_dir():
        _check_config(path / "config.json", config)
    with torch.device("meta"):
        model = CLIPModel(config)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    check_shapes(weights, tensors, _source_shapes(shapes, source), expected)
    values = {name: _value(tensors, name, source) for name in shapes}
    model.load_state_dict(values, strict=True, assign=True)
    for tower in (model.text_model, model.vision_model):
        positions = tower.embeddings.position_embedding.num_embeddings
        tower.embeddings.position_ids = torch.arange(positions)[None]
    model.train(mode=False).requires_grad_(requires_grad=False)
    text, vision = model.text_model.config, model.vision_model.config
    return ClipWeights(
        model=model,
        digest=digest_of_tensors(values),
        dim=len(values["text_projection.weight"]),
        image_px=vision.image_size,
        patch_px=vision.patch_size,
        context=text.max_position_embeddings,
        n_tokens=text.vocab_size,
    )


def openai_name(name: str) -> str:
    """Return OpenAI's name of a tensor that Hugging Face calls `name`.

    Query, key and value lie one below the other in one tensor there.
    """
    if name in OUTER_NAMES:
        return OUTER_NAMES[name]
    match = BLOCK.fullmatch(name)
    if not match:
        return name
    tower, layer, part, kind = match.groups()
    where = f"{TOWERS[tower]}.resblocks.{layer}."
    if part in BLOCK_NAMES:
        return f"{where}{BLOCK_NAMES[part]}.{kind}"
    return f"{where}attn.in_proj_{kind}"


def _source_shapes(
    shapes: Mapping[str, tuple[int, ...]], source: Callable[[str], str]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the file should have, by the file's names."""

    def theirs(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if name.endswith(JOINT):
            return 3 * shape[0], *shape[1:]
        return shape[::-1] if name in TRANSPOSED else shape

    return {source(name): theirs(source(name), shape) for name, shape in shapes.items()}


def _value(tensors: Mapping[str, Tensor], name: str, source: Callable[[str], str]) -> Tensor:
    theirs = source(name)
    value = tensors[theirs]
    if theirs.endswith(JOINT):
        value = value.chunk(3)[("q_proj", "k_proj", "v_proj").index(name.split(".")[-2])]
    elif theirs in TRANSPOSED:
        value = value.T
    return value.to(torch.float32).contiguous()


def _config_of(
    path: Path, tensors: Mapping[str, Tensor], source: Callable[[str], str], expected: str
) -> CLIPConfig:
    """Read all sizes off the tensors."""

    def shape(name: str, n_dims: int) -> tuple[int, ...]:
        theirs = source(name)
        if theirs not in tensors:
            refuse(path, f"lacks the tensor {theirs}", expected)
        if tensors[theirs].dim() != n_dims:
            refuse(path, f"{theirs} has the shape {tuple(tensors[theirs].shape)}", expected)
        return tuple(tensors[theirs].shape)

    def layers(tower: str) -> int:
        first = source(f"{tower}.encoder.layers.0.layer_norm1.weight")
        pattern = re.escape(first).replace("0", r"\d+")
        return sum(bool(re.fullmatch(pattern, name)) for name in tensors)

    vision_dim, _, patch_px, _ = shape("vision_model.embeddings.patch_embedding.weight", 4)
    n_positions, _ = shape("vision_model.embeddings.position_embedding.weight", 2)
    vocabulary, text_dim = shape("text_model.embeddings.token_embedding.weight", 2)
    context, _ = shape("text_model.embeddings.position_embedding.weight", 2)
    common_dim = shape("text_projection.weight", 2)[0 if source is str else 1]
    widths = {
        tower: shape(f"{tower}.encoder.layers.0.mlp.fc1.weight", 2)[0]
        for tower in ("text_model", "vision_model")
    }
    for width in (vision_dim, text_dim):
        if width % HEAD_DIM:
            refuse(path, f"a width of {width} is no multiple of {HEAD_DIM}", expected)
    return CLIPConfig(
        projection_dim=common_dim,
        text_config={
            "bos_token_id": vocabulary - 2,
            "eos_token_id": vocabulary - 1,
            "hidden_size": text_dim,
            "intermediate_size": widths["text_model"],
            "max_position_embeddings": context,
            "num_attention_heads": text_dim // HEAD_DIM,
            "num_hidden_layers": layers("text_model"),
            "projection_dim": common_dim,
            "vocab_size": vocabulary,
        },
        vision_config={
            "hidden_size": vision_dim,
            "image_size": math.isqrt(max(0, n_positions - 1)) * patch_px,
            "intermediate_size": widths["vision_model"],
            "num_attention_heads": vision_dim // HEAD_DIM,
            "num_hidden_layers": layers("vision_model"),
            "patch_size": patch_px,
            "projection_dim": common_dim,
        },
    )


def _folder_tensors(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    for name in FOLDER_WEIGHTS:
        if (folder / name).is_file():
            return folder / name, read_tensors(folder / name, EXPECTED_FOLDER)
    raise InputError(
        f"{folder}: holds no {' or '.join(FOLDER_WEIGHTS)}; expected {EXPECTED_FOLDER}"
    )


def _check_config(path: Path, config: CLIPConfig) -> None:
    """Refuse a config.json that describes another network than the one that the weights are."""
    stated = tables.read_json(path)
    if not isinstance(stated, dict) or stated.get("model_type") != "clip":
        refuse(path, "is not of model_type 'clip'", EXPECTED_FOLDER)
    for section in ("text_config", "vision_config"):
        values, ours = stated.get(section) or {}, getattr(config, section)
        if not isinstance(values, dict):
            refuse(path, f"{section} is no object", EXPECTED_FOLDER)
        for key in ("num_attention_heads", "hidden_act", "hidden_size", "layer_norm_eps"):
            if key in values and values[key] != getattr(ours, key):
                what = (
                    f"{section}.{key} is {values[key]!r:.40}, the weights' is {getattr(ours, key)}"
                )
                refuse(path, what, EXPECTED_FOLDER)
