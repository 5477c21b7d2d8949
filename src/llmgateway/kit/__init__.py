"""Floor 0: small parts that could be another library. Nothing here knows of gateways, models or tenants."""
