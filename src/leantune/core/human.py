"""Numbers as people read them: 1.8 M parameters, 226 kB, 1 min 15 s, 91.2 %, -0.3 points.

Every function takes None for "not measured" and shows it as a dash. Sizes are decimal (1 kB = 1,000 bytes), as disks are sold.
"""

from __future__ import annotations

from leantune.core.records import Interval

DASH = "–"
PLAIN = ("mcc", "qwk", "spearman", "pearson", "r2", "mae", "rmse", "perplexity")
"""Scores that are no shares."""
_MINUTE, _HOUR = 60, 3600


def count(number: float | None) -> str:
    """A count in three digits at most.

    >>> [count(n) for n in (770, 74_113, 1_812_000, 22_700_000)]
    ['770', '74.1 k', '1.8 M', '22.7 M']
    """
    return DASH if number is None else _scaled(number, ("", "k", "M", "G", "T"))


def size(number: float | None) -> str:
    """Bytes.

    >>> [size(n) for n in (512, 226_304, 90_900_000)]
    ['512 B', '226 kB', '90.9 MB']
    """
    return DASH if number is None else _scaled(number, ("B", "kB", "MB", "GB", "TB"))


def duration(seconds: float | None) -> str:
    """A span of time.

    >>> [duration(s) for s in (0.042, 7.26, 75, 4000)]
    ['42 ms', '7.3 s', '1 min 15 s', '1 h 7 min']
    """
    if seconds is None:
        return DASH
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min" + (f" {whole % _MINUTE} s" if whole % _MINUTE else "")
    minutes = round(whole / _MINUTE)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def milliseconds(value: float | None) -> str:
    """A latency given in milliseconds.

    >>> [milliseconds(v) for v in (0.42, 7.26, 312.4)]
    ['0.42 ms', '7.3 ms', '312 ms']
    """
    if value is None:
        return DASH
    digits = 2 if value < 1 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} ms"


def percent(fraction: float | None) -> str:
    """A score or share, given as a fraction.

    >>> percent(0.9123)
    '91.2 %'
    """
    return DASH if fraction is None else f"{100 * fraction:.1f} %"


def score(metric: str, value: float) -> str:
    """A score: shares in percent, correlations and mean errors as they are.

    >>> score("accuracy", 0.9123), score("mcc", 0.9123)
    ('91.2 %', '0.912')
    """
    return f"{value:.3f}" if metric in PLAIN else percent(value)


def perplexity(likelihood: float | None) -> str:
    """What a likelihood, the mean probability of a token, is as a perplexity: its inverse.

    >>> perplexity(0.05), perplexity(None)
    ('20.0', '–')
    """
    return DASH if not likelihood else f"{1 / likelihood:,.1f}" if likelihood > 1e-5 else f"{1 / likelihood:.2g}"


def points(fraction: float | None, *, signed: bool = True) -> str:
    """A difference of two scores in percent points, without the word.

    >>> points(-0.0031), points(0.0), points(0.01, signed=False)
    ('-0.3', '0.0', '1')
    """
    if fraction is None:
        return DASH
    rounded = round(100 * fraction, 1) + 0.0
    if not signed:
        return f"{100 * fraction:g}" if abs(100 * fraction) >= 0.1 else f"{100 * fraction:.2g}"
    return f"{rounded:+.1f}" if rounded else "0.0"


def score_interval(interval: Interval | None) -> str:
    """A score and the half of its interval's width.

    >>> score_interval(Interval(mean=0.912, low=0.9, high=0.922))
    '91.2 ± 1.1 %'
    """
    if interval is None:
        return DASH
    return f"{100 * interval.mean:.1f} ± {50 * (interval.high - interval.low):.1f} %"


def points_interval(interval: Interval | None) -> str:
    """A difference in percent points with its interval.

    >>> points_interval(Interval(mean=-0.003, low=-0.009, high=0.004))
    '-0.3 [-0.9, +0.4]'
    """
    if interval is None:
        return DASH
    return f"{points(interval.mean)} [{points(interval.low)}, {points(interval.high)}]"


def plural(number: int, noun: str) -> str:
    """A number with its noun.

    >>> plural(1, "seed"), plural(2500, "test row")
    ('1 seed', '2,500 test rows')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _scaled(number: float, units: tuple[str, ...]) -> str:
    value, step = float(number), 0
    while abs(value) >= 999.5 and step < len(units) - 1:
        value, step = value / 1000, step + 1
    digits = 0 if step == 0 or abs(value) >= 99.95 else 1
    return f"{value:.{digits}f} {units[step]}".strip()
