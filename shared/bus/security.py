"""The settings of SASL and TLS as FastStream takes them."""

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.bus.connection import tls
from shared.settings import Kafka

_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


def security(kafka: Kafka) -> BaseSecurity | None:
    """For a FastStream broker; None for plaintext without a password."""
    context = tls(kafka) if kafka.security_protocol.endswith("SSL") else None
    if kafka.security_protocol.startswith("SASL"):
        return _SASL[kafka.sasl_mechanism](
            username=kafka.sasl_username, password=kafka.sasl_password.get_secret_value(), ssl_context=context, use_ssl=context is not None
        )
    return BaseSecurity(ssl_context=context, use_ssl=True) if context else None
