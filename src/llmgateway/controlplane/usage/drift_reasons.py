"""What could explain that a provider says another figure than we counted, as sentences."""

from collections.abc import Iterator, Sequence

from llmgateway.controlplane.usage.reconciling import ReconciledEntry
from llmgateway.kit.money import usd
from llmgateway.providers.bills.bill import Measure


def reasons(entry: ReconciledEntry) -> Sequence[str]:
    """What could explain the entry's drift, most telling first; empty where all figures are the same."""
    if all(pair.billed == pair.counted for pair in entry.figures.values()):
        return ()
    return [*_one_sided(entry), *_requests(entry), *_marked(entry), *_price(entry)]


def _one_sided(entry: ReconciledEntry) -> Iterator[str]:
    if not entry.counted_as:
        yield "billed only: nobody asked for it here on this credential, or it goes by another name"
    elif not entry.billed_as and entry.model is not None:
        yield "counted only: the export is of another account or project, or the bill has it under another name"


def _requests(entry: ReconciledEntry) -> Iterator[str]:
    pair, facts = entry.figures.get(Measure.REQUESTS), entry.facts
    if facts.batched:
        yield f"requests of the provider's batches, which do not pass here: {facts.batched:,}"
    if pair is not None and entry.counted_as and pair.billed > pair.counted:
        yield f"requests billed and not counted: {pair.billed - pair.counted:,}; sent past the gateway, or broken off"
    if pair is not None and entry.billed_as and pair.counted > pair.billed:
        yield f"requests counted and not billed: {pair.counted - pair.billed:,}; another account's key, or not billed yet"
    if facts.broken:
        yield f"attempts that broke off here, which the provider may bill: {facts.broken:,}"


def _marked(entry: ReconciledEntry) -> Iterator[str]:
    facts = entry.facts
    if facts.unpriced:
        yield f"requests without a price, or not for all of it: {facts.unpriced:,}"
    if facts.estimated:
        yield f"requests that are estimates, since the gateway's process ended: {facts.estimated:,}"
    if facts.reckoned:
        yield f"requests whose tokens were counted here, since the provider told none: {facts.reckoned:,}"


def _price(entry: ReconciledEntry) -> Iterator[str]:
    cost = entry.figures.get(Measure.COST)
    others = [pair for measure, pair in entry.figures.items() if measure is not Measure.COST]
    if cost is None or cost.billed == cost.counted or not others or not entry.billed_as:
        return
    if all(pair.billed == pair.counted for pair in others):
        yield (
            f"the counts agree, so it is the price, {usd(cost.counted - cost.billed)} in all: "
            "a discount, a tier, tools that are billed apart, or a price list that is out of date"
        )
