"""`python -m deploy.prometheus` writes every file that is made from the table of alerts."""

from deploy.prometheus.files import documents

for path, text in documents().items():
    path.write_text(text, encoding="utf-8")
