"""The table as files: rules, their tests, Alertmanager's configuration, the table of docs/monitoring.md and the heads of the runbooks."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.prometheus.alerts import ALERTS, Alert
from deploy.prometheus.cases import CASES, Case
from deploy.prometheus.yaml import dump

ROOT = Path(__file__).parents[2]
MADE = "Made from deploy/prometheus/alerts.py by `python -m deploy.prometheus`; change it there."
RUNBOOKS = "docs/runbooks"
TABLE = re.compile(r"(<!-- alerts -->\n).*(<!-- /alerts -->)", re.DOTALL)


def rules(alerts: Sequence[Alert] = ALERTS) -> str:
    """Prometheus's rules."""
    return dump({"groups": [{"name": "tickplant", "rules": [_rule(alert) for alert in alerts]}]}, MADE)


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.hold,
        **({"keep_firing_for": alert.keeps} if alert.keeps != "0s" else {}),
        "labels": {"severity": alert.severity},
        "annotations": _annotations(alert),
    }


def _annotations(alert: Alert) -> dict[str, str]:
    return {"summary": alert.says, "runbook": f"{RUNBOOKS}/{alert.page}"}


def rules_test() -> str:
    """promtool's tests."""
    held = {alert.name: alert for alert in ALERTS}
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": [_test(case, held[case.alert]) for case in CASES]}
    return dump(document, MADE.replace("alerts.py", "cases.py"))


def _test(case: Case, alert: Alert) -> dict[str, Any]:
    title = case.title or ("it fires" if case.fires else "it is silent")
    return {
        "name": f"{alert.name}: {title}",
        "interval": "15s",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [
            {"eval_time": case.at, "alertname": alert.name, "exp_alerts": [_expected(alert, labels) for labels in case.fires]}
        ],
    }


def _expected(alert: Alert, labels: Mapping[str, str]) -> dict[str, Any]:
    said = {name: re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text) for name, text in _annotations(alert).items()}
    return {"exp_labels": {"severity": alert.severity, **labels}, "exp_annotations": said}


def alertmanager(alerts: Sequence[Alert] = ALERTS, url: str = "http://127.0.0.1:9099/alerts", wait: str = "10s", again: str = "4h") -> str:
    """Alertmanager's configuration: one webhook for all, and which alerts need not be told while another fires."""
    document = {
        "route": {"receiver": "webhook", "group_by": ["alertname"], "group_wait": wait, "group_interval": wait, "repeat_interval": again},
        "receivers": [{"name": "webhook", "webhook_configs": [{"url": url, "send_resolved": True}]}],
        "inhibit_rules": [
            {"source_matchers": [f'alertname="{alert.name}"'], "target_matchers": [f'alertname=~"{"|".join(alert.hides)}"']}
            for alert in alerts
            if alert.hides
        ],
    }
    return dump(document, MADE + " Receivers for Slack and others: alertmanager.slack.yml.")


def slack() -> str:
    """The same with pages to a channel of Slack, tickets to another; the webhook's address is a secret and comes from a file."""
    said = {
        "title": "{{ .CommonLabels.alertname }}",
        "text": "{{ range .Alerts }}{{ .Annotations.summary }} ({{ .Annotations.runbook }})\n{{ end }}",
    }
    one = {"send_resolved": True, "api_url_file": "/run/secrets/slack_url", **said}
    body = alertmanager().split("\n", 1)[1]
    receivers = dump(
        {"receivers": [{"name": name, "slack_configs": [{"channel": f"#{name}", **one}]} for name in ("pages", "tickets")]}, ""
    )
    route = dump(
        {
            "route": {
                "receiver": "tickets",
                "group_by": ["alertname"],
                "routes": [{"matchers": ['severity="page"'], "receiver": "pages", "repeat_interval": "1h"}],
            }
        },
        "",
    )
    return f"# {MADE}\n" + route.split("\n", 1)[1] + receivers.split("\n", 1)[1] + body[body.index("inhibit_rules:") :]


def table() -> str:
    """The alerts as a table of Markdown."""
    head = "| alert | fires when | for | severity | hides |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| [{a.name}](runbooks/{a.page}) | {_plain(a.says)}: threshold {a.threshold}, window {a.window} | {a.hold} | {a.severity} | "
        f"{', '.join(a.hides)}{f' (for {a.keeps} more)' if a.hides else ''} |\n"
        for a in ALERTS
    )


def _plain(says: str) -> str:
    return re.sub(r"{{ \$labels\.(\w+) }}", r"a \1", says).replace("a consumergroup", "a group").replace("a teller", "a service")


def head(alert: Alert) -> str:
    """A runbook down to its first section."""
    hidden = [other.name for other in ALERTS if alert.name in other.hides]
    unless = f" Not told while {' or '.join(hidden)} fires." if hidden else ""
    return (
        f"# {alert.name}\n\n{_plain(alert.says).capitalize()}. A {alert.severity}, after {alert.hold}.{unless}\n\n"
        f"```promql\n{alert.expression}\n```\n\n"
    )


def documents() -> dict[Path, str]:
    """Every file made from the table, by its path, as it ought to be."""
    made = {
        ROOT / "deploy/prometheus/rules.yml": rules(),
        ROOT / "deploy/prometheus/rules_test.yml": rules_test(),
        ROOT / "deploy/alertmanager/alertmanager.yml": alertmanager(),
        ROOT / "deploy/alertmanager/alertmanager.slack.yml": slack(),
    }
    page = ROOT / "docs/monitoring.md"
    made[page] = TABLE.sub(lambda found: found[1] + table() + found[2], page.read_text(encoding="utf-8"))
    for alert in ALERTS:
        runbook = ROOT / RUNBOOKS / alert.page
        text = runbook.read_text(encoding="utf-8") if runbook.exists() else ""
        made[runbook] = head(alert) + text[text.find("## ") if "## " in text else 0 :]
    return made
