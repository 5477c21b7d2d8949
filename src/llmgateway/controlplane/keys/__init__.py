"""The house of API keys: how they are made and changed, and what the data plane is told of them.

`routes` and `service` make, list, rotate and revoke them; `governing` says what their makers may change. `source` and `snapshots`
tell the data plane what a key may do, `announcements` that this changed. `reach_routes` and `fleet` show people what their keys
reach, and how it is doing.
"""
