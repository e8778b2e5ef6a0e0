"""The pure parts of the api."""
