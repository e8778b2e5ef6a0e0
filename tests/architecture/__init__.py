"""Rules about the code itself that neither the linter nor the import contracts can state."""
