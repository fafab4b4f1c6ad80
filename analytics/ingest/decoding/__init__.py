"""From the bytes of a request to validated events: body, JSON, each event, and the rejections. Pure of the stream."""
