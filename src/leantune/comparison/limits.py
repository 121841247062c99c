"""The user's limits on what may be shipped, and which one a method breaks.

--max-trainable 1M   --max-memory 2GB   --max-latency 20   --max-size 5MB   --max-model 30MB
"""

from __future__ import annotations

from leantune.core.human import count, milliseconds, size
from leantune.core.records import Cost
from leantune.core.study import Limits


def limit_broken(cost: Cost, limits: Limits) -> str | None:
    """One sentence naming every limit that `cost` breaks, or None.

    >>> limit_broken(Cost(saved_bytes=90_900_000), Limits(max_size=5_000_000))
    'Stores 90.9 MB, over the limit of 5.0 MB.'
    """
    latency = cost.latency_ms.batch_1 if cost.latency_ms else None
    checks = [
        ("trains {} parameters", cost.trainable_params, limits.max_trainable, count),
        ("needs {} of memory to train", cost.peak_memory_bytes, limits.max_memory, size),
        ("takes {} for one row", latency, limits.max_latency, milliseconds),
        ("stores {}", cost.saved_bytes, limits.max_size, size),
        ("loads {}", cost.model_bytes, limits.max_model, size),
    ]
    broken = [
        f"{what.format(show(value))}, over the limit of {show(limit)}"
        for what, value, limit, show in checks
        if value is not None and limit is not None and value > limit
    ]
    sentence = "; ".join(broken)
    return f"{sentence[0].upper()}{sentence[1:]}." if broken else None
