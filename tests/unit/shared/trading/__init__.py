"""Unit tests of orders, executions and quotes."""
