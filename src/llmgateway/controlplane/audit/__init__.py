"""The house of the audit trail: who did what, in which organisation."""
