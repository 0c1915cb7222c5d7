"""`make up`: the whole system on this machine, in the foreground, until Ctrl-C or SIGTERM.

`command.py` is the command itself: `preflight.py` and `data_directory.py` say why it cannot start,
`supervision.py` has supervisord (`runner.py`) run the parts that `supervisord.conf` names, with a
worker for each role (`configuration.py`). `reports.py` says in plain words what becomes of them,
`readiness.py` and `greeting.py` say when all answer and what to try. `control.py` is `make ps`,
`stop`, `start`, `restart` and `logs`.
"""
