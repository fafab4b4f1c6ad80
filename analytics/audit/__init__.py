"""The audit proves that no event is lost or counted twice; the trace shows what became of one event. Only reads."""
