"""`python -m shared.topics create`: makes the cluster's topics as the table says and reports what it has otherwise."""

import asyncio
import sys

from shared import settings
from shared.bus import admin
from shared.errors import Unavailable


def main() -> int:
    """Exit code 0 when every topic is as the table says."""
    if sys.argv[1:] != ["create"]:
        sys.exit("usage: python -m shared.topics create")
    try:
        report = asyncio.run(admin.create_topics(settings.load().kafka))
    except Unavailable as fault:
        print(f"topics: {fault}", file=sys.stderr)
        return 1
    for name in report.altered:
        print(f"altered: {name} is compacted and no longer deleted", file=sys.stderr)
    for line in report.mismatches:
        print(f"mismatch: {line}", file=sys.stderr)
    print(f"topics: {len(report.created)} created, {len(report.existing)} there already")
    return 1 if report.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
