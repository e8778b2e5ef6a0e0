"""An S3 endpoint on local files: S3Proxy over a directory, one folder per bucket, one file per object.

Invariant: only requests signed with this home's own keys are answered.
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from pathlib import Path

from deploy.local.files import secret, write_atomically
from deploy.local.java import Java
from deploy.local.part import Command
from deploy.local.ports import HOST

ACCESS_KEY = "tickplant"
REGION = "us-east-1"
FORBIDDEN = 403

LOGGING = """\
<configuration>
  <statusListener class="ch.qos.logback.core.status.NopStatusListener"/>
  <appender name="console" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} %level %msg (%logger{0})%n</pattern></encoder>
  </appender>
  <root level="warn"><appender-ref ref="console"/></root>
</configuration>
"""


@dataclass(frozen=True)
class S3:
    """An object store that keeps its objects under `home` and has one bucket from the start."""

    home: Path
    port: int
    java: Java
    bucket: str = "tickplant"
    name: str = "s3"

    def prepare(self) -> Command:
        (self.home / "data" / self.bucket).mkdir(parents=True, exist_ok=True)
        write_atomically(self.home / "s3proxy.conf", self._properties(), mode=0o600)
        write_atomically(self.home / "logback.xml", LOGGING)
        options = ("-Xmx256m", "-XX:TieredStopAtLevel=1", f"-Dlogback.configurationFile={self.home / 'logback.xml'}")
        return self.java.command("s3", "org.gaul.s3proxy.Main", "--properties", str(self.home / "s3proxy.conf"), options=options)

    def probe(self) -> str | None:
        """Ready when it refuses an unsigned request: it answers, and it checks signatures."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"{HOST}:{self.port}: {error}"
        finally:
            connection.close()
        return None if status == FORBIDDEN else f"{HOST}:{self.port} answered {status} to an unsigned request"

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": f"http://{HOST}:{self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": self._secret_key(),
            "AWS_REGION": REGION,
            "S3__BUCKET": self.bucket,
        }

    def _secret_key(self) -> str:
        return secret(self.home / "secret-key")

    def _properties(self) -> str:
        properties = {
            "s3proxy.endpoint": f"http://{HOST}:{self.port}",
            "s3proxy.authorization": "aws-v4",
            "s3proxy.identity": ACCESS_KEY,
            "s3proxy.credential": self._secret_key(),
            # Recent SDKs send headers that S3Proxy does not know and would refuse.
            "s3proxy.ignore-unknown-headers": "true",
            # A signed body is buffered whole to check it; archived objects may be larger than the default of 32 MiB.
            "s3proxy.v4-max-non-chunked-request-size": 128 * 1024 * 1024,
            "jclouds.provider": "filesystem-nio2",
            "jclouds.identity": "local",
            "jclouds.credential": "local",
            "jclouds.filesystem.basedir": str(self.home / "data"),
        }
        return "".join(f"{key}={value}\n" for key, value in properties.items())
