"""The operator's command `tickplant`: one module per sub-command in `commands`, listed in its registry.

Invariant: starting the command imports only what the chosen sub-command needs.
"""
