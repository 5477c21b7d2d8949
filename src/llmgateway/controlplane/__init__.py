"""Floor 3, right wing: serves people. A street of houses, each calling only lower ones."""
