"""The comparisons of the audit, one module for each kind of row that must agree with another."""
