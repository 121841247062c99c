"""The device, its threads and its memory: the only place that knows them."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import resource
import sys
from pathlib import Path

import psutil
import torch

from leantune.core.errors import SpecError
from leantune.core.human import plural
from leantune.core.parallel import Parallel


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        SpecError: E-OPTION when the device is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(name, False):
        there = ", ".join(kind for kind, present in available.items() if present)
        raise SpecError(f'--device "{name}" is not available here. Available: auto, {there}.', "E-OPTION")
    return torch.device(name)


def refuse_more_than_devices(parallel: Parallel | None, device: torch.device) -> None:
    """Raise SpecError (E-OPTION) where processes that train together would have no device of their own."""
    if parallel is None or device.type == "cpu":
        return
    there = torch.cuda.device_count() if device.type == "cuda" else 1
    if parallel.processes > there:
        found = f"there is {plural(there, f'{device.type} device')} here"
        asked = f"--parallel {parallel.way}:{parallel.processes} asks for {parallel.processes} devices"
        raise SpecError(f"{asked}, and {found}. Ask for no more, or leave it out.", "E-OPTION")


def make_deterministic() -> None:
    """From now on every operation of this process gives the same bits each time, or says that it cannot; a CPU does so anyhow."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # torch demands it of cuBLAS
    torch.use_deterministic_algorithms(True)


def synchronize(device: torch.device) -> None:
    """Wait for the work that is queued on the device, so that a clock read afterwards counts it; nothing is queued on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that no memory was left, on whatever device."""
    told = isinstance(error, RuntimeError) and any(words in str(error) for words in ("DefaultCPUAllocator", "MPS backend out of memory"))
    return told or isinstance(error, MemoryError | torch.OutOfMemoryError)


def release() -> None:
    """Give back what an operation that failed had taken."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def trim() -> None:
    """Give freed memory back to the system, where its C library keeps it: batches of other shapes seldom fit in its pieces."""
    if sys.platform == "linux" and (give_back := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        give_back(0)


def peak_memory(device: torch.device) -> int:
    """Bytes: the largest resident set of this process so far, or the most memory allocated on the GPU.

    Of libraries that were loaded before a fork the pages alone count that were touched since: some 0.1 GB less than in a fresh process.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
