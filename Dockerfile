# syntax=docker/dockerfile:1
# One image for all four services; the command chooses: python -m services.fetcher | transformer | writer | api.
FROM python:3.11-slim-bookworm AS requirements
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /build
COPY requirements.txt .
RUN /opt/venv/bin/pip install --require-hashes --requirement requirements.txt

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /nonexistent tickplant
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    API_HOST=0.0.0.0 \
    TELEMETRY__HOST=0.0.0.0 \
    TELEMETRY__PORT=9100
WORKDIR /app
COPY --from=requirements /opt/venv /opt/venv
COPY deploy/__init__.py deploy/
COPY deploy/local deploy/local
COPY shared shared
COPY services services
RUN python -m compileall -q /app
USER 10001
EXPOSE 8000 9100
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['TELEMETRY__PORT'] + '/livez', timeout=3)"]
CMD ["python", "-m", "services.api"]
