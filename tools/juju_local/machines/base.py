# SPDX-License-Identifier: GPL-3.0-only
"""The base file system of `system` machines: a minimal bootable Debian or Ubuntu, made once.

A base is made by mmdebstrap from what a bare cloud image has, kept under a key of everything that
went into it, and shared read-only by all machines of all state directories. Making one takes half
a minute to a minute; who comes meanwhile waits for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .host import CACHE_DIR, MachineError, run

FORMAT = 1  # part of the key: raise it when customise() changes

MINIMAL = ["systemd", "systemd-sysv", "dbus", "udev", "libpam-systemd", "apt", "ca-certificates",
           "iproute2", "iputils-ping", "procps", "netbase", "sudo", "adduser", "gpgv"]
VARIANTS = {"minbase": [], "python": ["python3-minimal", "python3"]}

# The address is set from outside before boot, and the clock is the host's.
_MASKED = ["systemd-networkd.service", "systemd-networkd.socket", "systemd-resolved.service",
           "systemd-networkd-wait-online.service", "systemd-timesyncd.service",
           "console-getty.service", "apt-daily.timer", "apt-daily-upgrade.timer"]

# Programs that juju-local runs in the machine live in the cgroup of this service, as the hooks of a
# real agent live in the agent's: daemons they leave behind survive, and systemd knows whose they are.
AGENT_UNIT = "juju-local-agent.service"
_AGENT = """[Unit]
Description=juju-local: processes of the unit agents

[Service]
Type=exec
ExecStart=/bin/sleep infinity
Delegate=yes
OOMPolicy=continue
TasksMax=infinity
LimitNOFILE=1048576:1048576

[Install]
WantedBy=multi-user.target
"""


def _words(value: str | Iterable[str]) -> tuple[str, ...]:
    """A list of packages: names in a list, or in one string between commas or blanks."""
    names = value.replace(",", " ").split() if isinstance(value, str) else value
    return tuple(sorted(set(names)))


@dataclass(frozen=True)
class Base:
    """What a base is made of; see docs/reference/machines.md for the options."""

    suite: str = "bookworm"
    mirror: str = ""
    keyring: str = ""
    variant: str = "minbase"
    packages: tuple[str, ...] = ()
    prefetch: tuple[str, ...] = ()
    deb_src: bool = False
    cache_dir: Path = field(default=CACHE_DIR)

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> Base:
        variant = options.get("variant", "minbase")
        if variant not in VARIANTS:
            raise MachineError(f"variant '{variant}': expected one of {', '.join(VARIANTS)}")
        return cls(suite=options.get("suite", "bookworm"), mirror=options.get("mirror", ""),
                   keyring=options.get("keyring", ""), variant=variant,
                   packages=_words(options.get("packages", ())),
                   prefetch=_words(options.get("prefetch", ())),
                   deb_src=bool(options.get("deb_src", False)),
                   cache_dir=Path(options.get("cache_dir", CACHE_DIR)))

    def include(self) -> list[str]:
        return sorted({*MINIMAL, *VARIANTS[self.variant], *self.packages})

    def key(self) -> str:
        parts = (FORMAT, self.suite, self.mirror, self.keyring, self.include(), self.prefetch,
                 self.sources(), apt_settings())
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    def folder(self) -> Path:
        return self.cache_dir / f"base-{self.key()}"

    def sources(self) -> str:
        """The machine's sources.list: the host's archives when it is of that suite, else the mirror."""
        archives = _host_archives(self.suite) if not self.mirror else []
        if not archives:
            archives = _default_archives(self.suite, self.mirror)
        kinds = ["deb", "deb-src"] if self.deb_src else ["deb"]
        return "".join(f"{kind} {archive}\n" for archive in archives for kind in kinds)


def _host_archives(suite: str) -> list[str]:
    """"URI SUITE COMPONENT…" of the host's own distribution; empty when the host is another."""
    release = Path("/etc/os-release").read_text()
    if not re.search(rf'^VERSION_CODENAME="?{re.escape(suite)}"?$', release, re.M):
        return []
    archives = []
    one_line, deb822 = Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d")
    if one_line.exists():
        archives += re.findall(r"^deb\s+(?:\[[^]]*\]\s+)?(http\S+\s+\S+\s+.+?)\s*$",
                               one_line.read_text(), re.M)
    for name in ("debian.sources", "ubuntu.sources"):
        if (deb822 / name).exists():
            archives += _read_deb822((deb822 / name).read_text())
    return archives if any(a.split()[1] == suite for a in archives) else []


def _read_deb822(text: str) -> list[str]:
    archives = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.+)$", stanza, re.M))
        if "deb" not in fields.get("Types", "").split() or fields.get("Enabled") == "no":
            continue
        for uri in fields["URIs"].split():
            for suite in fields["Suites"].split():
                archives.append(f"{uri} {suite} {fields.get('Components', 'main')}")
    return archives


def _default_archives(suite: str, mirror: str) -> list[str]:
    """The suite's archives at the mirror; a Debian host's own archive serves Debian's other suites."""
    debian = suite in ("bullseye", "bookworm", "trixie", "forky", "sid", "unstable")
    own = re.search(r"^VERSION_CODENAME=\"?(\w+)", Path("/etc/os-release").read_text(), re.M)
    if debian and not mirror and own:
        mirror = next((a.split()[0] for a in _host_archives(own[1]) if a.split()[1] == own[1]), "")
    if not mirror:
        raise MachineError(f"suite {suite}: no mirror is known for it: give the option mirror")
    components = "main" if debian else "main universe"
    pockets = [suite] if suite in ("sid", "unstable") else [suite, f"{suite}-updates"]
    return [f"{mirror} {pocket} {components}" for pocket in pockets]


def apt_settings() -> list[str]:
    """What the host's apt was told about reaching archives (proxy, dates, retries) holds inside too. With delays before
    retries apt 2.6 may wait forever."""
    wanted = re.compile(r'Acquire::(http|https|Check-Valid-Until|Check-Date|Retries|ForceIPv[46]|'
                        r'Languages|GzipIndexes)(::\S*)? ".+";')
    dump = run("apt-config", "dump") if shutil.which("apt-config") else ""
    return [*(line for line in dump.splitlines() if wanted.fullmatch(line)), 'Acquire::Retries::Delay "false";']


def ensure(base: Base, on_progress: Callable[[str], None]) -> Path:
    """The root folder of the base, made now when it is not there yet."""
    folder = base.folder()
    if folder.exists():
        return folder / "root"
    base.cache_dir.mkdir(parents=True, exist_ok=True)
    with open(base.cache_dir / f"{folder.name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_progress(f"base {folder.name}: another process is making it, waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _build(base, folder, on_progress)
    return folder / "root"


def _build(base: Base, folder: Path, on_progress: Callable[[str], None]) -> None:
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    root = new / "root"
    on_progress(f"base {folder.name}: {base.suite}, {len(base.include())} packages and what they need")
    (new / "sources.list").write_text(base.sources())
    options = [f"--aptopt={line.rstrip(';')}" for line in apt_settings()]
    options += [f"--keyring={base.keyring}"] if base.keyring else []
    try:
        with _downloads(root / "var/cache/apt/archives", on_progress):
            _watch(["mmdebstrap", "--mode=root", "--variant=minbase", *options,
                    "--aptopt=Apt::Install-Recommends \"false\"",
                    f"--include={','.join(base.include())}",
                    base.suite, str(root), str(new / "sources.list")], new / "log", on_progress)
        _customise(root)
        _fill_apt(root, base, new / "log", on_progress)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    new.rename(folder)
    on_progress(f"base {folder.name}: ready")


@contextlib.contextmanager
def _downloads(archives: Path, on_progress: Callable[[str], None]) -> Iterator[None]:
    """Says every few seconds how much has been fetched: mmdebstrap is silent about it."""
    done = threading.Event()

    def report() -> None:
        said = 0
        while not done.wait(3):
            size = 0
            for file in archives.rglob("*.deb"):
                with contextlib.suppress(OSError):
                    size += file.stat().st_size
            if size > said:
                on_progress(f"base: {size / 1e6:.0f} MB of packages fetched")
                said = size

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _watch(argv: list[str], log: Path, on_progress: Callable[[str], None]) -> None:
    """Runs a long command; its messages become progress, everything goes to the log."""
    last: list[str] = []
    with open(log, "a") as out, subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace") as process:
        assert process.stdout
        try:
            for line in process.stdout:
                out.write(line)
                last = [*last[-19:], line.rstrip()]
                if re.match(r"I: |Get:\d+ |Unpacking |Setting up ", line):
                    on_progress("base: " + line.removeprefix("I: ").strip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise MachineError("\n".join([f"{argv[0]} failed with {process.returncode}; its last lines:",
                                      *last]))


def _customise(root: Path) -> None:
    (root / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)
    conf = root / "etc/apt/apt.conf.d/90host"
    conf.write_text("\n".join(["// as on the host", *apt_settings(), ""]))
    for name in ("usr/sbin/policy-rc.d", "etc/resolv.conf", "var/lib/dbus/machine-id"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/machine-id").write_text("")
    units = root / "etc/systemd/system"
    for unit in _MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (units / AGENT_UNIT).write_text(_AGENT)
    wants = units / "multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / AGENT_UNIT).symlink_to(f"../{AGENT_UNIT}")
    journald = root / "etc/systemd/journald.conf.d"
    journald.mkdir(parents=True, exist_ok=True)
    (journald / "machine.conf").write_text(
        "[Journal]\nRateLimitIntervalSec=0\nStorage=persistent\nSystemMaxUse=64M\n")
    (root / "var/log/journal").mkdir(exist_ok=True)
    _trust_host_authorities(root)


def _trust_host_authorities(root: Path) -> None:
    """The host's own authorities (a proxy's, a company's) hold inside too."""
    certificates = sorted(Path("/usr/local/share/ca-certificates").glob("*.crt"))
    for certificate in certificates:
        shutil.copy(certificate, root / "usr/local/share/ca-certificates")
    if certificates:
        run("chroot", root, "/usr/sbin/update-ca-certificates")


def _fill_apt(root: Path, base: Base, log: Path, on_progress: Callable[[str], None]) -> None:
    """Package lists are there, and what is to be prefetched is in the cache."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    inside = ["chroot", str(root), "/usr/bin/env", "-i", "DEBIAN_FRONTEND=noninteractive",
              "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "apt-get", "-q"]
    on_progress("base: package lists")
    _watch([*inside, "update"], log, on_progress)
    if base.prefetch:
        on_progress(f"base: fetching {' '.join(base.prefetch)}")
        _watch([*inside, "install", "-y", "--download-only", *base.prefetch], log, on_progress)
    (root / "etc/resolv.conf").unlink()
