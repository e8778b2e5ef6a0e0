"""Dashboards as code: `model` is what Grafana reads, `boards/` one dashboard a file, `sql` every question to Postgres.

`python -m deploy.grafana` writes `dashboards/*.json`, which `provisioning/` hands to Grafana; a test holds them to the code. Metrics are
named by `shared.telemetry.metrics` itself, so a panel cannot ask for one that does not exist.
"""
