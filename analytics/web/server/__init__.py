"""What serves the application: gunicorn's worker, the ASGI adapter, connections and their deadlines, disconnects."""
