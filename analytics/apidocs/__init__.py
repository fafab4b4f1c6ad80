"""The OpenAPI document: the decorator beside a route, the document, and the pages that show it."""
