"""The embedded stack's pure and file-only parts."""
