"""`python -m analytics_client`: as the command `analytics-client`."""

from analytics_client.command import main

raise SystemExit(main())
