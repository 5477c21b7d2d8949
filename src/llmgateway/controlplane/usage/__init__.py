"""The house of usage: what requests did, from the event that comes in to the sums that people and bills are shown.

Events come in through `store`, and `service` keeps them. `rollups` sums them up by hour and day; `summary` and `exact_sums` read
these sums. `finding` and `live` show single requests, `takeout` all of them. `price_changes` mends their prices, and `reconciling`
compares them with a provider's bill. `retention` ends what is kept for a time.
"""
