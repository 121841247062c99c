"""What is known of `peft`'s tuners beyond their code: papers, learning rates, and why some cannot be used here.

Rates: their authors' or `peft`'s own examples where there are any, else the range of LoRA.
"""

from __future__ import annotations

from leantune.kinds.method import Card, Rates

PROMPTS = ("prompt_tuning", "p_tuning", "prefix_tuning")
"""Tuners that put virtual tokens before the text."""

REFUSED: dict[str, str] = {
    "adaption_prompt": "it is written for generating with LLaMA, Mistral and GPT-2 only",
    "cartridge": "it starts from the keys and values of a long text, which a labelled file does not have. Use prefix",
    "cpt": "it is made for text generation with examples in the prompt. Use prompt",
    "multitask_prompt_tuning": "it shares a prompt among several tasks and needs the task of every row. Use prompt",
    "poly": "it shares adapters among several tasks and needs the task of every row. Use lora",
    "shadow": "it runs a second network beside a text generator. Use parallel",
    "xlora": "it mixes LoRA adapters that are already trained. Use lora",
}

COMPANIONS: dict[tuple[str, str], dict[str, int]] = {
    ("oft", "r"): {"oft_block_size": 0},
    ("boft", "boft_block_num"): {"boft_block_size": 0},
}
"""Options that exclude another one's default."""
DIVISORS = {"c3a": "block_size", "vblora": "vector_length", "road": "group_size"}
"""Options that must divide every width; when not given, the largest that does."""
NEEDED = {"trainable_tokens": ("token_indices",)}
"""Options without a useful default."""

_LORA = Rates(low=1e-4, start=5e-4, high=3e-3)
_VECTORS = Rates(low=1e-3, start=5e-3, high=3e-2)
_PROMPT = Rates(low=3e-3, start=1e-2, high=5e-2)
_RATES: dict[str, Rates] = {
    "fourierft": Rates(low=1e-2, start=6e-2, high=1e-1),
    "c3a": Rates(low=1e-2, start=5e-2, high=3e-1),
    "p_tuning": Rates(low=3e-4, start=1e-3, high=1e-2),
    "waveft": Rates(low=1e-3, start=1e-2, high=5e-2),
    **dict.fromkeys(("prompt_tuning", "prefix_tuning"), _PROMPT),
    **dict.fromkeys(("beft", "frod", "ia3", "ln_tuning", "pvera", "road", "tinylora", "unilora", "vblora", "vera"), _VECTORS),
}

_PAPERS: dict[str, str] = {
    "adalora": "arXiv:2303.10512",
    "beft": "arXiv:2509.15974",
    "boft": "arXiv:2311.06243",
    "c3a": "arXiv:2407.19342",
    "delora": "arXiv:2503.18225",
    "fourierft": "arXiv:2405.03003",
    "hra": "arXiv:2405.17484",
    "ia3": "arXiv:2205.05638",
    "lily": "arXiv:2407.09946",
    "ln_tuning": "arXiv:2312.11420",
    "loha": "arXiv:2108.06098",
    "lokr": "arXiv:2309.14859",
    "lora": "arXiv:2106.09685",
    "miss": "arXiv:2409.15371",
    "oft": "arXiv:2306.07280",
    "p_tuning": "arXiv:2103.10385",
    "peanut": "arXiv:2410.01870",
    "prefix_tuning": "arXiv:2101.00190",
    "prompt_tuning": "arXiv:2104.08691",
    "pvera": "arXiv:2512.07703",
    "randlora": "arXiv:2502.00987",
    "road": "arXiv:2409.00119",
    "shira": "arXiv:2406.13175",
    "supertuning": "arXiv:2607.09287",
    "tinylora": "arXiv:2602.04118",
    "unilora": "arXiv:2506.00799",
    "vblora": "arXiv:2405.15179",
    "vera": "arXiv:2310.11454",
}
_NOT_AT_BASE = frozenset({*PROMPTS, "c3a", "fourierft", "unilora", "vblora"})
_FOUR_BIT = frozenset({"adalora", "hira", "ia3", "lora", "pvera", "randlora", "road"})
"""Those with a class of their own for linear maps in 4 bits; others would read the packed bytes as weights."""
_NOT_MERGED = frozenset({*PROMPTS, "lily"})


def card(name: str) -> Card:
    """The facts of one tuner."""
    return Card(
        title=f"peft.{name}",
        paper=_PAPERS.get(name, "see the documentation of peft"),
        when="to try a method of the installed peft beside the others",
        rates=_RATES.get(name, _LORA),
        identity=name not in _NOT_AT_BASE,
        mergeable=name not in _NOT_MERGED,
        four_bit=name in _FOUR_BIT,
        prepends=name in PROMPTS,
    )
