"""Dead letters for operators: list, show, retry and discard, by commands and by HTTP."""
