"""`python -m deploy.grafana` writes every dashboard as Grafana provisions it."""

from deploy.grafana.files import documents

for path, text in documents().items():
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
