"""GET /sources: what the owners of live sources told, and their gaps, newest first."""

import asyncpg

from tests.fixtures.api import serving


async def test_a_source_is_shown_with_its_state_and_gaps(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    at = "'2026-01-01T00:00:10Z'"
    await connection.execute(f"INSERT INTO sources VALUES ('kraken-sim', 'kraken', 7, 'connected', {at}, 10, 9, 2, '')")
    for second, reason in ((1, "reset"), (5, "the fetcher before this one died")):
        start, end = f"'2026-01-01T00:00:0{second}Z'", f"'2026-01-01T00:00:0{second + 1}.5Z'"
        await connection.execute(f"INSERT INTO source_gaps VALUES ('kraken-sim', {start}, {end}, '{reason}')")
    await connection.close()
    async with serving(database_url) as api:
        answer = await api.get("/sources")
    assert answer == {
        "results": [
            {
                "source": "kraken-sim",
                "provider": "kraken",
                "state": "connected",
                "at": "2026-01-01T00:00:10Z",
                "received": 10,
                "acknowledged": 9,
                "connects": 2,
                "reason": "",
                "gaps": [
                    {"start": "2026-01-01T00:00:05Z", "end": "2026-01-01T00:00:06.500000Z", "reason": "the fetcher before this one died"},
                    {"start": "2026-01-01T00:00:01Z", "end": "2026-01-01T00:00:02.500000Z", "reason": "reset"},
                ],
            }
        ],
        "next_url": None,
    }
