"""The routes of exports: create one, poll, list, cancel or delete, download.

A caller sees the jobs of its own subject; an admin those of every site that its token is for. Any other job is 404.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import BinaryIO, cast

from flask import Blueprint, Response, current_app, redirect, request
from sqlalchemy import insert

from analytics import clock, queue
from analytics.apidocs.operations import documented
from analytics.auth.caller_slots import HeldBody, download_slots
from analytics.auth.guard import GuardedView, check_site_access, guarded, require_scope
from analytics.auth.limits import caller_key
from analytics.errors import Conflict, Gone, NotFound, Unavailable
from analytics.exports import examples
from analytics.exports.delivery import signed_links
from analytics.exports.delivery.downloads import add_body, file_head, presigned_url
from analytics.exports.delivery.storage import open_storage
from analytics.exports.jobs import creation, serialization
from analytics.exports.jobs.job import Job, JobFilter, cancel, delete_job, read_job, read_job_page
from analytics.exports.jobs.request_body import read_export_body
from analytics.exports.responses import current_viewer, job_as_json, job_response, json_response
from analytics.exports.schemas import (
    DOWNLOAD_MEDIA_TYPES,
    ExportBody,
    ExportListQuery,
    ExportListResponse,
    ExportResponse,
    SignedLinkQuery,
)
from analytics.extensions import db, public_address, settings
from analytics.sites.sites import find_site
from analytics.store.models import audit_log
from analytics.web.site_parameters import SiteFields, name_site
from analytics.web.validation import load_json_body, read_query

blueprint = Blueprint("exports", __name__)
ROUTE = signed_links.ROUTE


@blueprint.post(ROUTE)
@documented(
    "Create an export",
    SiteFields,
    response=(ExportResponse, examples.EXPORT_EXAMPLE),
    body=(ExportBody, examples.EXPORT_BODY_EXAMPLE),
    headers={"Idempotency-Key": "A request that is repeated with the same key creates no second export."},
    status=202,
    other_responses={
        409: "The Idempotency-Key was used with another body.",
        429: "Too many exports are queued or running, or the storage quota is used up.",
    },
)
@guarded("export")
def create_export() -> Response:
    """202 and the job; `Location` is its address."""
    principal, body = require_scope("export"), name_site(load_json_body(ExportBody()))
    new_job = read_export_body(db.engine, principal, body, request.headers.get("Idempotency-Key"), clock.now())
    created = creation.create(db.engine, new_job, creation.read_limits(settings()))
    if created.is_new:
        # Without Redis the job waits in its table, and the watch enqueues it later.
        with suppress(Unavailable):
            queue.enqueue_export(created.job.id)
    return job_response(created.job, 202, {"Location": public_address(f"{ROUTE}/{created.job.id}")})


@blueprint.get(ROUTE)
@documented("List exports", ExportListQuery, (ExportListResponse, examples.EXPORT_LIST_EXAMPLE))
@guarded("export")
def list_exports() -> Response:
    """The caller's jobs, the newest first; `next_cursor` is null on the last page."""
    query = name_site(read_query(ExportListQuery(), request.args))
    site_key = None
    if "site" in query:
        check_site_access(require_scope("export"), query["site"])
        site_key = find_site(db.engine, query["site"]).key
    job_filter = JobFilter(query.get("state"), site_key, query.get("schedule"))
    page = read_job_page(db.engine, current_viewer(), job_filter, query.get("cursor"), query["limit"])
    return json_response({"exports": [job_as_json(job) for job in page.jobs], "next_cursor": page.next_cursor})


@blueprint.get(f"{ROUTE}/<uuid:job_id>")
@documented("Get an export", response=(ExportResponse, examples.EXPORT_EXAMPLE))
@guarded("export")
def show_export(job_id: object) -> Response:
    """The job as it is now. `Retry-After` says when to poll again."""
    return job_response(_visible_job(str(job_id)))


@blueprint.delete(f"{ROUTE}/<uuid:job_id>")
@documented(
    "Cancel or delete an export",
    response=(ExportResponse, examples.EXPORT_EXAMPLE | {"state": "cancelled"}),
    other_responses={204: "The export had ended; it is deleted with its file."},
)
@guarded("export")
def cancel_or_delete_export(job_id: object) -> Response:
    """Cancels a queued or running job (200 and the job); deletes an ended one with its file (204)."""
    job = _visible_job(str(job_id))
    if cancel(db.engine, job.id):
        return job_response(_visible_job(job.id))
    if file := delete_job(db.engine, job.id):
        # The sweep deletes a file that stays.
        with suppress(Unavailable):
            open_storage(settings()).delete(file)
    return Response(status=204)


@blueprint.get(f"{ROUTE}/<uuid:job_id>/download")
@documented(
    "Download the file of an export",
    SignedLinkQuery,
    headers={"Range": "A range of bytes, as `bytes=0-999`.", "If-None-Match": "The ETag of the file that you have."},
    media_type=DOWNLOAD_MEDIA_TYPES,
    other_responses={
        206: "The bytes of the Range.",
        302: "The file is in S3; `Location` is its URL, which needs no token.",
        304: "The file has not changed.",
        409: "The export is not finished; poll again after `Retry-After`.",
        410: "The file has expired, or the export failed or was cancelled.",
        412: "If-Match or If-Unmodified-Since does not match the file.",
        416: "The file does not have the bytes of the Range.",
        429: "The caller downloads DOWNLOADS_A_CALLER files from this process already.",
    },
)
def download_export(job_id: object) -> Response:
    """The file, or the requested range of it; with S3 a redirect to the file."""
    job, actor, caller = _downloadable_job(str(job_id))
    name = _finished_file(job)
    if request.method == "GET" and (url := presigned_url(open_storage(settings()), job)):
        _record_download(job, actor)
        return cast(Response, redirect(url, 302))
    response = file_head(job, request)
    if request.method == "GET" and response.status_code in (200, 206):
        release = download_slots().take(caller)
        try:
            add_body(response, _open(name), job)
            response.response = HeldBody(cast(Iterable[bytes], response.response), release)
            _record_download(job, actor)
        except BaseException:
            release()
            raise
    return response


# It takes a token with this scope, or a signed link.
cast(GuardedView[[object], Response], download_export).guarded_scope = "export"


def _downloadable_job(job_id: str) -> tuple[Job, str, str]:
    """The job, the actor for the audit log, and the caller whose downloads are counted. Raises Forbidden for a wrong
    signature.
    """
    signature = request.args.get("signature")
    if signature is None:
        principal = require_scope("export")
        return _visible_job(job_id), principal.subject, caller_key(principal)
    key = signed_links.derive_signing_key(settings())
    signed_links.verify_signature(key, job_id, request.args.get("expires", ""), signature, clock.now())
    job = read_job(db.engine, job_id)
    if job is None:
        raise _not_found(job_id)
    return job, "signed link", f"link {job.id}"


def _finished_file(job: Job) -> str:
    """The file's name in the storage. Raises Conflict and Gone."""
    state = job.state_at(clock.now())
    if state == "expired":
        raise Gone(f"the file expired at {job.expires_at:%Y-%m-%dT%H:%M:%SZ}; create the export again")
    if job.is_unfinished:
        detail = f"the export is {state} and has no file yet; poll GET {ROUTE}/{job.id} until its state is done"
        raise Conflict(detail, retry_after_s=serialization.retry_after_s(job), state=state)
    if state != "done" or job.file is None:
        raise Gone(f"the export is {state} and has no file; create the export again", state=state)
    return job.file


def _open(name: str) -> BinaryIO:
    try:
        return open_storage(settings()).open_file(name)
    except FileNotFoundError as error:
        current_app.logger.error("export file missing", extra={"file": name})
        raise Gone("the file is no longer in the storage; create the export again") from error


def _record_download(job: Job, actor: str) -> None:
    detail = {"job": job.id, "range": request.headers.get("Range", "")[:100]}
    row = {"actor": actor, "action": "export.download", "site_id": job.site_id, "detail": detail}
    with db.engine.begin() as connection:
        connection.execute(insert(audit_log).values(row))


def _visible_job(job_id: str) -> Job:
    """The job. Raises NotFound for one that the caller may not see."""
    viewer, job = current_viewer(), read_job(db.engine, job_id)
    if job is None or not viewer.sees(job.owner, job.site_key):
        raise _not_found(job_id)
    return job


def _not_found(job_id: str) -> NotFound:
    return NotFound(f"there is no export {job_id}; GET {ROUTE} lists yours")
