"""Funnels: definitions, the counting of steps, their reports and routes."""
