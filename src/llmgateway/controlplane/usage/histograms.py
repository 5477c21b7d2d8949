"""Percentiles of the histograms that sums of usage hold: one number each, as `db/models/usage_rollups.py` tells."""

from llmgateway.db.models.usage_rollups import BASE, DIGITS


def percentile(histogram: str, share: int) -> int | None:
    """Milliseconds that so many percent took at most, from a histogram's digits; None when nothing was measured."""
    counts = [int(histogram[max(0, end - DIGITS) : end]) for end in range(len(histogram), 0, -DIGITS)]
    left = -(-sum(counts) * share // 100)
    for place, count in enumerate(counts):
        left -= count
        if count and left <= 0:
            return middle(place - 1)
    return None


def middle(bucket: int) -> int:
    """Milliseconds less than 5 % away from all that a bucket holds (and half a millisecond, since they are whole)."""
    return round(2 * BASE**bucket / (BASE + 1)) if bucket >= 0 else 0
