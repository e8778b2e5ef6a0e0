"""The operator's command, as far as it needs no stack."""
