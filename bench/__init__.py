"""The load and overhead benchmark: `make bench` measures the gateway beside a bare relay on the same stack."""
