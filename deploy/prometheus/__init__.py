"""Alerts: `alerts` is the one table, from which `files` makes the rules, their tests, Alertmanager's inhibitions and the documentation.

`expressions` spells the metrics, so that no rule names one that does not exist; `cases` is what makes each rule fire and what does not.
`python -m deploy.prometheus` writes the files anew; a test holds them to the table.
"""
