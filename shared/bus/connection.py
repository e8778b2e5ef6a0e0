"""How every client reaches the brokers: one translation of the settings for aiokafka; FastStream's stands in `security`."""

import ssl
from typing import Any

from aiokafka import TopicPartition

from shared.settings import Kafka

__all__ = ["TopicPartition", "client_options", "tls"]


def client_options(kafka: Kafka) -> dict[str, Any]:
    """Keyword arguments of any aiokafka client."""
    options: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap_servers, "security_protocol": kafka.security_protocol}
    if kafka.security_protocol.endswith("SSL"):
        options["ssl_context"] = tls(kafka)
    if kafka.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password.get_secret_value(),
        }
    return options


def tls(kafka: Kafka) -> ssl.SSLContext:
    """The certificates that brokers are checked against."""
    return ssl.create_default_context(cafile=str(kafka.ssl_cafile) if kafka.ssl_cafile else None)
