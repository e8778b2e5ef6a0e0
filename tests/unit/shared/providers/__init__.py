"""Payloads as the venues send them."""
