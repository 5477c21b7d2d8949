"""The families of wires: each writes samples as a provider documents them and reads requests as a provider would."""
