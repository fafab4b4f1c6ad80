"""The baseline service of the ingest benchmark: FastAPI, one ORM class, `add_all`, `commit`.

The table and its indexes are those that seed 001 requires. No token is checked, which favours it.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import Column, DateTime, Integer, String, create_engine, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

MAX_BATCH_SIZE = 1000

engine = create_engine(os.environ["BASELINE_DATABASE_URL"], pool_size=20, max_overflow=20)
SessionLocal = sessionmaker(bind=engine)


class Base(DeclarativeBase):
    """The registry of the table."""


class Event(Base):
    """The table of events of seed 001."""

    __tablename__ = "events"
    id = Column(Integer, primary_key=True)
    ts = Column(DateTime(timezone=True), nullable=False, index=True)
    user_id = Column(String, nullable=False, index=True)
    type = Column(String, nullable=False, index=True)
    src = Column(String)
    payload = Column(JSONB)
    created_at = Column(DateTime, server_default=func.now(), index=True)
    updated_at = Column(DateTime, server_default=func.now())


class EventIn(BaseModel):
    """An event of a request."""

    ts: datetime
    user_id: str
    type: str
    src: str | None = None
    payload: dict[str, Any] | None = None


app = FastAPI()


def get_db() -> Iterator[Session]:
    with SessionLocal() as session:
        yield session


@app.post("/ingest")
def ingest_events(events: list[EventIn], db: Annotated[Session, Depends(get_db)]) -> dict[str, int]:
    if len(events) > MAX_BATCH_SIZE:
        raise HTTPException(status_code=413, detail="batch too large")
    db.add_all([Event(**event.model_dump()) for event in events])
    db.commit()
    return {"ingested": len(events)}


@app.get("/livez")
def livez() -> str:
    return "ok"


if __name__ == "__main__":
    Base.metadata.create_all(engine)
