"""Raw events: lists, streamed CSV and small workbooks."""
