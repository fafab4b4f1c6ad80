"""Exports over HTTP: order one, poll, list, take back, download. The only module of exports that knows Flask.

A caller sees the jobs of its own subject; an admin those of every site that its token is for. Others' do not exist.
"""

import base64
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import msgspec
from flask import Blueprint, Response, current_app, redirect, request
from sqlalchemy import insert
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from analytics import clock, queue
from analytics.auth.guard import GuardedView, Principal, guarded, require
from analytics.auth.views import load
from analytics.documented import documented
from analytics.errors import AnalyticsError, Conflict, Gone, NotFound, Unavailable, problem_response
from analytics.exports import answers, formats, jobs, links, ranges
from analytics.exports.jobs import Job, Viewer
from analytics.exports.schemas import JobsQuery, LinkQuery, NewExport, read_order
from analytics.exports.storage import storage_of
from analytics.extensions import db, settings
from analytics.reports.schemas import read_query
from analytics.store.models import audit_log

blueprint = Blueprint("exports", __name__)
ROUTE = links.ROUTE
READ_BYTES = 1 << 17


class OutOfRange(AnalyticsError):
    """Bytes that the file does not have."""

    status, code = 416, "range_not_satisfiable"


@blueprint.post(ROUTE)
@documented(
    "Order an export",
    headers={"Idempotency-Key": "An order that is sent again under it makes no second export."},
    body=NewExport,
    sent=answers.ORDER_EXAMPLE,
    answer=answers.ExportAnswer,
    example=answers.EXPORT_EXAMPLE,
    status=202,
    others={409: "The Idempotency-Key was used for another order.", 429: "Too many exports wait or run."},
)
@guarded("export")
def create() -> Response:
    """202 and the job; its address is in Location."""
    principal, given = require("export"), load(NewExport())
    order = read_order(db.engine, principal, given, request.headers.get("Idempotency-Key"), clock.now())
    created = jobs.create(db.engine, order, jobs.limits_of(settings()))
    if created.is_new:
        # Without Redis the job waits in its table, and the watch rings later.
        with suppress(Unavailable):
            queue.run_export(created.job.id)
    return _reply(created.job, 202)


@blueprint.get(ROUTE)
@documented("List exports", query=JobsQuery, answer=answers.ExportsAnswer, example=answers.EXPORTS_EXAMPLE)
@guarded("export")
def list_all() -> Response:
    """The caller's jobs, the latest first; `next_cursor` is null on the last page."""
    query = read_query(JobsQuery(), request.args)
    page = jobs.list_jobs(db.engine, _viewer(require("export")), query.get("cursor"), query["limit"])
    shown = [_as_json(job) for job in page.jobs]
    return _json({"exports": shown, "next_cursor": page.cursor})


@blueprint.get(f"{ROUTE}/<uuid:job_id>")
@documented("One export", answer=answers.ExportAnswer, example=answers.EXPORT_EXAMPLE)
@guarded("export")
def show(job_id: object) -> Response:
    """The job as it is now."""
    return _reply(_job_of(str(job_id)))


@blueprint.delete(f"{ROUTE}/<uuid:job_id>")
@documented(
    "Cancel or remove an export",
    answer=answers.ExportAnswer,
    example=answers.EXPORT_EXAMPLE | {"state": "cancelled"},
    others={204: "It had ended, and is removed with its file."},
)
@guarded("export")
def take_back(job_id: object) -> Response:
    """A job that waits or runs is cancelled (200, and the job); one that has ended is removed with its file (204)."""
    job = _job_of(str(job_id))
    if jobs.cancel(db.engine, job.id):
        return _reply(_job_of(job.id))
    if file := jobs.remove(db.engine, job.id):
        # A file that stays is swept later.
        with suppress(Unavailable):
            storage_of(settings()).delete(file)
    return Response(status=204)


@blueprint.get(f"{ROUTE}/<uuid:job_id>/download")
@documented(
    "The file of an export",
    query=LinkQuery,
    headers={"Range": "Some of its bytes, as `bytes=0-999`.", "If-None-Match": "The ETag of the file you have."},
    media_type=answers.FILE_TYPES,
    others={
        206: "The bytes that Range asks for.",
        302: "The file is in S3: its address, which needs no token.",
        304: "You have it.",
        409: "It is not finished; look again after `Retry-After`.",
        410: "The file has expired, or there never was one.",
        412: "It is not the file that If-Match or If-Unmodified-Since mean.",
        416: "The file has no such bytes.",
    },
)
def download(job_id: object) -> Response:
    """The file, or the range of it that is asked for; with S3 a redirect to it."""
    job, actor = _job_to_download(str(job_id))
    name = _check_finished(job)
    if request.method == "GET" and (address := _presigned(job, name)):
        _note(job, actor)
        return cast(Response, redirect(address, 302))
    try:
        response = _head_of(job)
    except RequestedRangeNotSatisfiable:
        return _out_of_range(job)
    if request.method == "GET" and response.status_code in (200, 206):
        _fill(response, _open(name), job)
        _note(job, actor)
    return response


# Asked for with a token, or with a link that was given for one.
cast(GuardedView[[object], Response], download).guarded_scope = "export"


def _job_to_download(job_id: str) -> tuple[Job, str]:
    """The job, and who the audit log says took it."""
    signature = request.args.get("signature")
    if signature is None:
        return _job_of(job_id), require("export").subject
    key = links.key_of(settings())
    links.check(key, job_id, request.args.get("expires", ""), signature, clock.now())
    job = jobs.read_job(db.engine, job_id)
    if job is None:
        raise NotFound(f"there is no export {job_id}; it may have been removed")
    return job, "signed link"


def _check_finished(job: Job) -> str:
    """The file's name in the storage."""
    state = job.state_at(clock.now())
    if state == "expired":
        raise Gone(f"the file expired at {job.expires_at:%Y-%m-%dT%H:%M:%SZ}; order the export again")
    if state in jobs.UNFINISHED:
        raise Conflict("the export is not finished", retry_after_s=jobs.retry_after_s(job), state=state)
    if state != "done" or job.file is None:
        raise Gone(f"the export was {state}: there is no file", state=state)
    return job.file


def _open(name: str) -> BinaryIO:
    try:
        return storage_of(settings()).open_file(name)
    except FileNotFoundError as error:
        current_app.logger.error("the file of an export is missing", extra={"file": name})
        raise Gone("the file is no longer in the storage; order the export again") from error


def _head_of(job: Job) -> Response:
    """Status and headers, as the conditions and the range of the request have it. Raises
    RequestedRangeNotSatisfiable."""
    wanted = job.wanted
    response = Response(content_type=formats.media_type(wanted.format, wanted.compression))
    response.headers["Content-Disposition"] = _disposition(job)
    response.headers["Content-Length"] = str(job.bytes)
    response.headers["Cache-Control"] = "private"
    response.set_etag(str(job.sha256))
    digest = base64.b64encode(bytes.fromhex(str(job.sha256))).decode()
    response.headers["Repr-Digest"] = f"sha-256=:{digest}:"
    response.make_conditional(_environ(job.bytes or 0, str(job.sha256)), accept_ranges=True, complete_length=job.bytes)
    response.automatically_set_content_length = False
    # The server dates its answers itself.
    del response.headers["Date"]
    return response


def _environ(size: int, etag: str) -> dict[str, Any]:
    """The request's, its Range in the one spelling that the framework reads rightly. A HEAD has none, and a file that
    the caller has is no matter of ranges (RFC 9110, 13.2.2)."""
    environ = dict(request.environ)
    header = environ.pop("HTTP_RANGE", "")
    is_asked = request.method == "GET" and not request.if_none_match.contains_weak(etag)
    asked = ranges.canonical(header, size) if is_asked else None
    return environ | ({"HTTP_RANGE": asked} if asked else {})


def _fill(response: Response, file: BinaryIO, job: Job) -> None:
    """The body, read as it is sent."""
    start, left = 0, job.bytes or 0
    if response.status_code == 206:
        start, left = response.content_range.start or 0, response.content_length or 0
    response.call_on_close(file.close)
    file.seek(start)
    response.response = _pieces(file, left)


def _pieces(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left and (piece := file.read(min(READ_BYTES, left))):
        left -= len(piece)
        yield piece


def _out_of_range(job: Job) -> Response:
    response = problem_response(OutOfRange(f"the file has {job.bytes} bytes; ask for some of those"))
    response.headers["Content-Range"] = f"bytes */{job.bytes}"
    return response


def _presigned(job: Job, name: str) -> str | None:
    wanted = job.wanted
    media_type = formats.media_type(wanted.format, wanted.compression)
    return storage_of(settings()).presign(name, links.VALID_S, _disposition(job), media_type)


def _disposition(job: Job) -> str:
    """RFC 6266: a name that everybody reads, and the true one for who knows RFC 8187."""
    name = jobs.file_name(job)
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _note(job: Job, actor: str) -> None:
    detail = {"job": job.id, "range": request.headers.get("Range", "")[:100]}
    row = {"actor": actor, "action": "export.download", "site_id": job.site_id, "detail": detail}
    with db.engine.begin() as connection:
        connection.execute(insert(audit_log).values(row))


def _viewer(principal: Principal) -> Viewer:
    return Viewer(None if principal.may("admin") else principal.subject, principal.sites)


def _job_of(job_id: str) -> Job:
    """The job, if it is one that the caller sees. Raises NotFound."""
    viewer, job = _viewer(require("export")), jobs.read_job(db.engine, job_id)
    is_seen = (
        job is not None and viewer.owner in (None, job.owner) and (viewer.sites is None or job.site_key in viewer.sites)
    )
    if job is None or not is_seen:
        raise NotFound(f"there is no export {job_id}; it may have been removed")
    return job


def _as_json(job: Job) -> dict[str, Any]:
    now = clock.now()
    return jobs.as_json(job, now, links.path_of(links.key_of(settings()), job.id, now, job.expires_at))


def _reply(job: Job, status: int = 200) -> Response:
    response = _json(_as_json(job), status)
    if status == 202:
        response.headers["Location"] = f"{ROUTE}/{job.id}"
    if (wait_s := jobs.retry_after_s(job)) is not None:
        response.headers["Retry-After"] = str(wait_s)
    return response


def _json(body: dict[str, Any], status: int = 200) -> Response:
    response = Response(msgspec.json.encode(body), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
