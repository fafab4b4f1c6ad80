"""The reports of sites in the vocabularies of other services."""
