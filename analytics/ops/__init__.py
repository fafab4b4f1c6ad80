"""Operations: health and probes, the record of task runs, the watchdog of workers, and the web worker."""
