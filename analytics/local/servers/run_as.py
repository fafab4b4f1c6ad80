"""The account that a server runs under: PostgreSQL refuses to run as root, so root has to switch to another one.

It creates no account and changes no permission of a parent folder. Tried in order: the owner of the data, `postgres`,
`nobody`, a user namespace (a checkout under /root), and last a capability.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from analytics.local.servers.binaries import StartError


@dataclass(frozen=True)
class Account:
    """How to start a program that must not run as root: a command prefix, or another user for Popen."""

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    @cached_property
    def popen_options(self) -> dict[str, Any]:
        """Arguments for subprocess; the folder is `/` because the account may not see the current one."""
        if self.uid is None or self.prefix:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.uid, "group": self.gid, "extra_groups": []}

    def chown_path(self, path: Path) -> None:
        """Gives a file or folder to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_run(self, program: Path, folder: Path) -> bool:
        """True when the account can run `program` and enter `folder`."""
        command = [*self.prefix, "/bin/sh", "-c", '"$0" -V && test -x "$1"', str(program), str(folder)]
        try:
            return not subprocess.run(command, capture_output=True, **self.popen_options).returncode
        except OSError:
            return False


def find_account(program: Path, data: Path) -> Account:
    """The account for the server `program` on the folder `data`, which need not exist yet."""
    if os.geteuid() != 0:
        return _current_account(data)
    if data.exists():
        return _owner_account(program, data)
    for account in _candidates():
        if account.can_run(program, data.parent):
            return account
    raise StartError(f"run this as a normal user, or from a folder that 'nobody' can enter ({data.parent} is not one)")


def _current_account(data: Path) -> Account:
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise StartError(f"{data} belongs to uid {data.stat().st_uid}: run as that user (it was first run as root?)")
    return Account()


def _owner_account(program: Path, data: Path) -> Account:
    # Files of root were created inside a user namespace; any other owner created them directly.
    state = data.stat()
    plain = Account(state.st_uid, state.st_gid)
    accounts = [_namespace()] if state.st_uid == 0 else [plain, _capability(plain)]
    for account in accounts:
        if account.can_run(program, data.parent):
            return account
    raise StartError(f"{data} belongs to uid {state.st_uid}, which cannot run {program}: run as that user")


def _candidates() -> list[Account]:
    named = [account for name in ("postgres", "nobody") if (account := _named(name))]
    return [*named, _namespace(), *(_capability(account) for account in named[-1:])]


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)


def _namespace() -> Account:
    # Files stay root's on disk, and root can still enter a 0700 folder.
    nobody = _named("nobody") or Account(65534, 65534)
    return Account(prefix=("unshare", "--user", f"--map-user={nobody.uid}", f"--map-group={nobody.gid}", "--"))


def _capability(account: Account) -> Account:
    # Where user namespaces are refused. Without the securebit access(2) ignores the capability and initdb gives up.
    prefix = ("setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups")
    caps = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup")
    return Account(account.uid, account.gid, (*prefix, *caps))
