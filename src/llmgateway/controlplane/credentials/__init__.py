"""Keys of providers that tenants bring, sealed."""
