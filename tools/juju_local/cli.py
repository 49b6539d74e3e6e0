# SPDX-License-Identifier: GPL-3.0-only
"""The command line: Juju's verbs with Juju's syntax, and a few of juju-local's own."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from . import bench, verbs_app, verbs_run, verbs_secret
from .console import Console
from .errors import JujuLocalError, ToolError
from .machinery import KINDS
from .settle import Retries
from .store import Store, default_dir
from .verbs import Arguments, Session

Verb = Callable[[Session, Arguments], int]
_FORMATS = ["yaml", "json"]
_REPEAT = {"action": "append", "default": []}


class _Formatter(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("every verb")
    group.add_argument("--state-dir", type=Path, help="where everything is kept "
                       "(default: $JUJU_LOCAL_DIR, /var/lib/juju-local for root)")
    group.add_argument("-v", "--verbose", action="store_true", help="show the hooks' own output")
    group.add_argument("-q", "--quiet", action="store_true", help="show only results and errors")
    group.add_argument("--retries", type=int, default=3,
                       help="how often a failed hook is tried again in one call (%(default)s)")
    group.add_argument("--retry-delay", type=float, default=1.0, metavar="SECONDS",
                       help="before the first retry, doubled each time (%(default)s)")
    group.add_argument("--no-wait", action="store_true",
                       help="only note what is wanted; juju-local settle runs the agents")
    return common


class _Verbs:
    """Adds sub-parsers with the options every verb has."""

    def __init__(self, root: argparse.ArgumentParser) -> None:
        self._sub = root.add_subparsers(metavar="VERB", required=True)
        self._common = _common()

    def add(self, name: str, run: Verb, text: str,
            aliases: tuple[str, ...] = ()) -> argparse.ArgumentParser:
        parser = self._sub.add_parser(name, help=text, description=text, aliases=list(aliases),
                                      parents=[self._common], formatter_class=_Formatter)
        parser.set_defaults(run_verb=run)
        return parser


def _placement(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--num-units", type=int, default=1)
    parser.add_argument("--to", default="", help="machine numbers or kinds, comma-separated")


def _machine_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--machine-kind", choices=KINDS, default="",
                        help="what units run in (default: model-config default-machine-kind)")
    parser.add_argument("--machine-option", metavar="KEY=VALUE", **_REPEAT,
                        help="an option of the kind of machine, e.g. suite=bookworm")


def _format(parser: argparse.ArgumentParser, default: str | None = "yaml",
            more: tuple[str, ...] = ()) -> None:
    parser.add_argument("--format", choices=[*more, *_FORMATS], default=default)


def _application_verbs(verbs: _Verbs) -> None:
    p = verbs.add("deploy", verbs_app.deploy, "deploy a .charm, a charm's folder or a bundle")
    p.add_argument("charm", help="path of the charm, its folder, or a bundle")
    p.add_argument("name", nargs="?", help="name of the application (default: the charm's)")
    _placement(p)
    p.add_argument("--config", metavar="KEY=VALUE|FILE", **_REPEAT)
    p.add_argument("--storage", metavar="NAME=[POOL,][COUNT,][SIZE]", **_REPEAT)
    p.add_argument("--resource", metavar="NAME=FILE", **_REPEAT)
    p.add_argument("--overlay", metavar="FILE", **_REPEAT, help="a file to lay over a bundle")
    p.add_argument("--trust", action="store_true")
    _machine_flags(p)
    p = verbs.add("refresh", verbs_app.refresh, "give an application a new charm",
                  ("upgrade-charm",))
    p.add_argument("application")
    p.add_argument("--path", help="the new charm")
    p.add_argument("--force-units", action="store_true", help="also units in hook error")
    p.add_argument("--config", metavar="KEY=VALUE|FILE", **_REPEAT)
    p.add_argument("--resource", metavar="NAME=FILE", **_REPEAT)
    p = verbs.add("config", verbs_app.config, "show or set an application's options")
    p.add_argument("application")
    p.add_argument("words", nargs="*", metavar="KEY | KEY=VALUE | KEY=@FILE")
    p.add_argument("--reset", metavar="KEY,…", default="")
    p.add_argument("--file", help="YAML file of options")
    _format(p)
    p = verbs.add("integrate", verbs_app.integrate, "relate two applications",
                  ("relate", "add-relation"))
    p.add_argument("one", metavar="APP[:ENDPOINT]")
    p.add_argument("two", metavar="APP[:ENDPOINT]")
    p = verbs.add("remove-relation", verbs_app.remove_relation, "take a relation away")
    p.add_argument("ends", nargs="+", metavar="APP[:ENDPOINT] APP[:ENDPOINT] | ID")
    p = verbs.add("add-unit", verbs_app.add_unit, "add units to an application")
    p.add_argument("application")
    _placement(p)
    p = verbs.add("remove-unit", verbs_app.remove_unit, "remove units, with all their hooks")
    p.add_argument("units", nargs="+")
    p.add_argument("--force", action="store_true", help="skip the hook that is in error")
    p.add_argument("--no-prompt", action="store_true", help="accepted; juju-local never asks")
    p = verbs.add("remove-application", verbs_app.remove_application, "remove applications")
    p.add_argument("applications", nargs="+")
    p.add_argument("--force", action="store_true", help="skip the hook that is in error")
    p.add_argument("--no-prompt", action="store_true", help="accepted; juju-local never asks")
    p = verbs.add("trust", verbs_app.trust, "set whether an application is trusted")
    p.add_argument("application")
    p.add_argument("--remove", action="store_true")
    p = verbs.add("model-config", verbs_app.model_config, "show or set the model's settings")
    p.add_argument("words", nargs="*", metavar="KEY | KEY=VALUE")
    p.add_argument("--reset", metavar="KEY,…", default="")
    _format(p)
    p = verbs.add("add-machine", verbs_app.add_machine, "add a machine that stays")
    _machine_flags(p)


def _storage_verbs(verbs: _Verbs) -> None:
    _format(verbs.add("storage", verbs_app.storage, "list storage"))
    p = verbs.add("add-storage", verbs_app.add_storage, "add storage to a unit")
    p.add_argument("unit")
    p.add_argument("names", nargs="+", metavar="NAME[=[POOL,]COUNT]")
    p = verbs.add("detach-storage", verbs_app.detach_storage, "detach storage from its unit")
    p.add_argument("storage", nargs="+")
    p.add_argument("--force", action="store_true")
    p = verbs.add("attach-storage", verbs_app.attach_storage, "attach storage to a unit")
    p.add_argument("unit")
    p.add_argument("storage", nargs="+")
    p = verbs.add("remove-storage", verbs_app.remove_storage, "remove detached storage")
    p.add_argument("storage", nargs="+")


def _secret_verbs(verbs: _Verbs) -> None:
    for name, run, text in (("add-secret", verbs_secret.add_secret, "add a user secret"),
                            ("update-secret", verbs_secret.update_secret,
                             "a new revision of a user secret")):
        p = verbs.add(name, run, text)
        p.add_argument("name")
        p.add_argument("values", nargs="*", metavar="KEY[#base64|#file]=VALUE")
        p.add_argument("--file", help="YAML file of keys and values")
        p.add_argument("--info", help="description")
        if name == "update-secret":
            p.add_argument("--name", dest="new_name", default="")
            p.add_argument("--auto-prune", choices=["true", "false"], nargs="?", const="true")
    for name, run in (("grant-secret", verbs_secret.grant_secret),
                      ("revoke-secret", verbs_secret.revoke_secret)):
        p = verbs.add(name, run, f"{name.partition('-')[0]} applications a user secret")
        p.add_argument("name")
        p.add_argument("applications", metavar="APP[,APP…]")
    p = verbs.add("remove-secret", verbs_secret.remove_secret, "remove a user secret")
    p.add_argument("name")
    p.add_argument("--revision", type=int, default=0)
    p = verbs.add("show-secret", verbs_secret.show_secret, "show a secret")
    p.add_argument("name")
    p.add_argument("--reveal", action="store_true", help="with its content")
    p.add_argument("-r", "--revision", type=int, default=0)
    _format(p)
    _format(verbs.add("secrets", verbs_secret.list_secrets, "list secrets"))


def _run_verbs(verbs: _Verbs) -> None:
    p = verbs.add("run", verbs_run.run, "run an action on units")
    p.add_argument("words", nargs="+", metavar="UNIT… ACTION [KEY=VALUE…]")
    p.add_argument("--params", help="YAML file of parameters")
    p.add_argument("--string-args", action="store_true", help="do not read values as YAML")
    _format(p, "plain", ("plain",))
    p = verbs.add("show-task", verbs_run.show_task, "show what an action gave")
    p.add_argument("id")
    _format(p)
    p = verbs.add("cancel-task", verbs_run.cancel_task, "cancel an action that waits or runs")
    p.add_argument("id")
    p = verbs.add("exec", verbs_run.exec_, "run commands with the hook tools")
    p.add_argument("-u", "--unit", **_REPEAT)
    p.add_argument("-a", "--application", **_REPEAT)
    _format(p, None)
    p.add_argument("command", nargs="+")
    p = verbs.add("ssh", verbs_run.ssh, "run a command on a unit's machine")
    p.add_argument("target", metavar="UNIT|MACHINE")
    p.add_argument("command", nargs=argparse.REMAINDER)
    p = verbs.add("scp", verbs_run.scp, "copy files to and from a machine")
    p.add_argument("source", metavar="[UNIT:]PATH")
    p.add_argument("target", metavar="[UNIT:]PATH")
    p = verbs.add("resolve", verbs_run.resolve, "try a failed hook again, or skip it",
                  ("resolved",))
    p.add_argument("units", nargs="*")
    p.add_argument("--all", action="store_true")
    p.add_argument("--no-retry", action="store_true", help="skip the hook")
    for name, run, text in (("fire", verbs_run.fire, "run one hook now"),
                            ("bench-hook", bench.bench_hook, "measure a hook, print JSON")):
        p = verbs.add(name, run, text)
        p.add_argument("unit")
        p.add_argument("hook")
        p.add_argument("--relation", type=int, metavar="ID")
        p.add_argument("--remote-unit", default="")
        p.add_argument("--secret", default="", metavar="URI")
        if name == "bench-hook":
            p.add_argument("-n", type=int, default=10, help="runs (%(default)s)")
    p = verbs.add("reboot", verbs_run.reboot, "reboot a unit's machine; start runs again")
    p.add_argument("unit")
    verbs.add("settle", verbs_run.settle, "run agents until nothing is left to do")


def _looking_verbs(verbs: _Verbs) -> None:
    p = verbs.add("status", verbs_run.show_status, "show applications, units and machines")
    p.add_argument("selectors", nargs="*", metavar="APP|UNIT")
    p.add_argument("--relations", action="store_true", help="accepted; they are always shown")
    _format(p, "tabular", ("tabular",))
    p = verbs.add("show-unit", verbs_run.show_unit, "a unit with its relations' settings")
    p.add_argument("unit")
    _format(p)
    _format(verbs.add("machines", verbs_run.machines, "list machines"))
    p = verbs.add("debug-log", verbs_run.debug_log, "show the log")
    p.add_argument("-i", "--include", metavar="UNIT|APP", **_REPEAT)
    p.add_argument("-n", "--tail", type=int, metavar="LINES", nargs="?", const=50)
    p.add_argument("--replay", action="store_true", help="accepted; the log starts at its start")
    p = verbs.add("wait-for", verbs_run.wait_for, "wait until a unit or application is as wanted")
    p.add_argument("what", choices=["unit", "application"])
    p.add_argument("name")
    p.add_argument("--query", help='e.g. workload-status=="active" (the default)')
    p.add_argument("--timeout", type=float, default=600, metavar="SECONDS")
    p.add_argument("--interval", type=float, default=2, metavar="SECONDS",
                   help="between runs of update-status (%(default)s)")
    verbs.add("dump-model", verbs_run.dump, "everything juju-local knows, secrets blanked")
    p = verbs.add("destroy", verbs_run.destroy, "destroy all machines and everything kept",
                  ("destroy-model",))
    p.add_argument("-y", "--yes", "--no-prompt", action="store_true")


def build_parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="juju-local", formatter_class=_Formatter,
        description="A small stand-in for a Juju controller and its unit agents, for machine "
                    "charms in any language. Manual: docs/reference/juju-local.md.")
    verbs = _Verbs(root)
    _application_verbs(verbs)
    _storage_verbs(verbs)
    _secret_verbs(verbs)
    _run_verbs(verbs)
    _looking_verbs(verbs)
    return root


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    args = parser.parse_args(argv)
    store = Store(args.state_dir or default_dir())
    try:
        store.folder(".")
        console = Console(store.root / "log", args.verbose, args.quiet)
        session = Session(store, console, Retries(args.retries, args.retry_delay), args.no_wait)
        return args.run_verb(session, args)
    except (JujuLocalError, ToolError) as error:
        print(f"ERROR {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"ERROR {error.filename}: {error.strerror}; choose another place with --state-dir "
              "or JUJU_LOCAL_DIR", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 141
    except KeyboardInterrupt:
        print("\ninterrupted; juju-local settle goes on from here", file=sys.stderr)
        return 130
