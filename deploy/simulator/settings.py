"""The simulator's settings, from variables that begin with SIMULATOR__.

Invariant: this is the only module of the package that reads the environment.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from deploy.simulator.limits import Limit
from deploy.simulator.venues import VENUES

PREFIX = "SIMULATOR__"


class SimulatorSettings(BaseSettings):
    """Every field with its default; lists are comma-separated."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=19500, ge=0, le=65535)
    seed: int = 1
    rate: float = Field(default=3, ge=0, le=100_000, description="trades a second of each symbol")
    price_rate: float = Field(default=0.2, ge=0, le=100_000, description="new prices a second of each symbol, for venues that are polled")
    symbols: Annotated[tuple[str, ...], NoDecode] = ("BTC-USD", "ETH-USD", "SOL-USD")
    stock_day: date = Field(default=date(2025, 1, 6), description="the session that the stream of stocks begins with")
    stock_minute_seconds: float = Field(default=60, ge=0.01, le=3600, description="how long a minute of it takes")
    stock_minutes: int = Field(default=0, ge=0, description="after so many minutes it ends; 0: it goes on")
    first_id: Literal["seed", "clock"] = Field(
        default="seed", description="trade ids begin at a seeded number, or where the clock stands: then a restart never repeats an id"
    )
    faults: str = Field(default="none", description="a preset's name or the path of a .toml or .json script")
    log: Path | None = Field(default=None, description="the file that all of the log is appended to")
    ring: int = Field(default=100_000, ge=1, description="log lines kept in memory")
    history: int = Field(default=5_000, ge=1, description="trades a symbol that requests can reach back to")
    buffer_bytes: int = Field(default=8 << 20, ge=1 << 16, description="unsent bytes at which a slow client is disconnected")
    limits: Annotated[dict[str, int], NoDecode] = Field(default={}, description="request weights by venue, such as coingecko=60")

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        return tuple(name.strip().upper() for name in given.split(",") if name.strip()) if isinstance(given, str) else given

    @field_validator("symbols")
    @classmethod
    def _pairs(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [symbol for symbol in symbols if not all(symbol.partition("-"))]
        if wrong or not symbols or len(set(symbols)) < len(symbols):
            raise ValueError(f"symbols are distinct pairs like BTC-USD, not {', '.join(wrong or symbols)!r}")
        return symbols

    @field_validator("limits", mode="before")
    @classmethod
    def _named(cls, given: object) -> object:
        return dict(part.split("=", 1) for part in given.replace(" ", "").split(",")) if isinstance(given, str) else given

    @field_validator("limits")
    @classmethod
    def _known(cls, limits: dict[str, int]) -> dict[str, int]:
        if unknown := sorted(limits.keys() - VENUES.keys()):
            raise ValueError(f"there is no venue {', '.join(unknown)}: choose among {', '.join(VENUES)}")
        return limits

    def limit_of(self, venue: str) -> Limit:
        """The venue's own limit, or the one set for it in the venue's own window."""
        own = VENUES[venue].limit
        return Limit(self.limits.get(venue, own.weight), own.window)


def load() -> SimulatorSettings:
    """The settings of this process; exits naming every variable at fault."""
    try:
        return SimulatorSettings()
    except ValidationError as error:
        faults = [f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors(include_url=False)]
        sys.exit("settings:\n" + "\n".join(faults))
