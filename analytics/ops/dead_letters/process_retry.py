"""The retry of this process, by its settings: as its drain would make rows. The command and the task call it.

Web processes do not import it: what makes rows takes memory that they do not need.
"""

from analytics.extensions import db, settings
from analytics.ingest.drain.retry import DeadLetterRetry
from analytics.ingest.enrich import open_geo_database
from analytics.privacy.pseudonym import identity_salt


def make_retry() -> DeadLetterRetry:
    """A retry with the settings and the engine of this process."""
    config = settings()
    return DeadLetterRetry(
        engine=db.engine,
        salt=identity_salt(config),
        geo=open_geo_database(config.geoip_database or None) if config.enable_geolocation else None,
        partition_days=config.partition_days,
        anonymize_user_ids=config.anonymize_user_ids,
    )
