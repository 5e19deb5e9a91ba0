"""Outcomes in the formats that people have: one file, one format."""
