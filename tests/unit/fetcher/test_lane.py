"""A lane's memory of when its venue last said something."""

from services.fetcher.live.bucket import Bucket
from services.fetcher.live.lane import GREETING_US, Lane
from shared.providers.venue import Budget
from shared.settings import Fetcher, Kafka


def lane() -> Lane:
    return Lane(Kafka(), Fetcher(), "coinbase-sim", "coinbase", ["BTC-USD"])


def test_a_greeting_is_no_news() -> None:
    one = lane()
    one.connected(greets=True)
    one.take("BTC-USD", b"subscribed")
    assert one.news_at() == one.epoch
    one.heard_at = one.connected_at + GREETING_US
    assert one.news_at() == one.heard_at


def test_a_greeting_after_an_outage_does_not_forget_the_last_news() -> None:
    one = lane()
    one.connected(greets=True)
    one.heard_at = last = one.connected_at + GREETING_US
    assert one.news_at() == last
    one.disconnected("silent")
    one.connected(greets=True)
    one.heard_at = one.connected_at
    assert one.news_at() == last


def test_what_a_source_that_is_asked_answers_is_news_at_once() -> None:
    one = lane()
    one.take("", b"{}", [])
    one.connected()
    assert one.news_at() == one.heard_at


def test_a_share_of_a_budget_bears_a_slower_pace() -> None:
    bucket = Bucket(Budget(10, 60), 0.5)
    assert bucket.pace == 12
    bucket.share(1.0)
    assert bucket.pace == 6
