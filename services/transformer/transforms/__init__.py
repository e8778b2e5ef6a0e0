"""One pure state machine a raw topic; the runner drives them."""

from services.transformer.transforms import market

TRANSFORMS = {"market": market.Market}
