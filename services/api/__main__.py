"""`python -m services.api`: serves the store over HTTP until SIGTERM."""

from services.api.runner import main
from shared.service import run

if __name__ == "__main__":
    run("api", main)
