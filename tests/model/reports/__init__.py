"""The model's answers, one function a report: `answer(site, request)` is the JSON that is expected."""
