"""`python -m analytics_client`: as the command `analytics-client`."""

from analytics_client.cli import main

raise SystemExit(main())
