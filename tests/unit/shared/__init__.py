"""The vocabulary and the edges."""
