"""How Ray runs in tests."""

RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # other programs may fill the memory
    "RAY_worker_niceness": "0",  # else its workers wait for all other tests
    "RAY_enable_worker_prestart": "0",  # no process that nothing is done in
    "RAY_prestart_worker_first_driver": "0",
}
