"""Floor 2: PostgreSQL, its sessions, its walls between tenants, its tables."""
