"""Doorways: parse, call, answer. None knows another."""
