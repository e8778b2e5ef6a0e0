"""How every client reaches the brokers: one translation of the settings for aiokafka and one for FastStream."""

import ssl
from typing import Any

from aiokafka import TopicPartition
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.settings import Kafka

__all__ = ["TopicPartition", "client_options", "security"]

_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


def client_options(kafka: Kafka) -> dict[str, Any]:
    """Keyword arguments of any aiokafka client."""
    options: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap_servers, "security_protocol": kafka.security_protocol}
    if kafka.security_protocol.endswith("SSL"):
        options["ssl_context"] = _tls(kafka)
    if kafka.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password.get_secret_value(),
        }
    return options


def security(kafka: Kafka) -> BaseSecurity | None:
    """The same for a FastStream broker."""
    context = _tls(kafka) if kafka.security_protocol.endswith("SSL") else None
    if kafka.security_protocol.startswith("SASL"):
        return _SASL[kafka.sasl_mechanism](
            username=kafka.sasl_username, password=kafka.sasl_password.get_secret_value(), ssl_context=context, use_ssl=context is not None
        )
    return BaseSecurity(ssl_context=context, use_ssl=True) if context else None


def _tls(kafka: Kafka) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(kafka.ssl_cafile) if kafka.ssl_cafile else None)
