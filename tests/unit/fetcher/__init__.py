"""The fetcher's pure code: bytes to rows, headers to names."""
