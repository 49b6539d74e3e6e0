# SPDX-License-Identifier: GPL-3.0-only
"""What one run of a hook, action or juju-exec sees and changes.

A run works on a draft: a copy of the model as it was at the start. A transactional change is a
function of a model; it is applied to the draft at once (so the hook reads its own writes) and
replayed on the real model when the hook has succeeded, all in one step or not at all. What takes
effect at once goes through now().
"""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import ToolError
from .model import Hook, Model, Relation, Status, Task, Unit, decode, encode
from .resolver import sees
from .store import Store

Change = Callable[[Model], None]


def context_id(unit: str, what: str) -> str:
    """JUJU_CONTEXT_ID of a new run; what is the hook or action, empty for juju-exec."""
    return f"{unit}-{what or 'run-commands'}-{os.urandom(8).hex()}"


class Context:
    def __init__(self, store: Store, unit: str, hook: Hook | None = None,
                 task: Task | None = None,
                 log: Callable[[str, str, str], None] = lambda level, logger, text: None,
                 status: Callable[[str], None] = lambda text: None) -> None:
        self.store = store
        self.unit_name = unit
        self.app_name = unit.rpartition("/")[0]
        self.hook = hook
        self.task = task
        self.log = log
        self.show_status = status
        what = hook.name if hook else task.name if task and task.kind == "action" else ""
        self.id = ((hook.context if hook else task.context if task else "")
                   or context_id(unit, what))
        self.results: dict[str, Any] = {}
        self.action_failed: str | None = None
        self.reboot = ""  # "", after, now
        self.kill: Callable[[], None] = lambda: None
        self.status: Status | None = None  # of the unit as this run has read it; status-set does not change that
        self.snapshot = store.read()
        self._draft: Model | None = None
        self._changes: list[tuple[int, Change]] = []
        self.grants: dict[tuple[str, int], str] = {}  # of this run: secret and relation -> to whom
        self.refreshed: set[str] = set()

    @property
    def draft(self) -> Model:
        if self._draft is None:
            self._draft = decode(Model, encode(self.snapshot))
        return self._draft

    @property
    def unit(self) -> Unit:
        return self.draft.units[self.unit_name]

    @property
    def agent_version(self) -> str:
        return str(self.snapshot.config.get("agent-version", ""))

    @property
    def juju3(self) -> bool:
        return self.agent_version.startswith("3.")

    def leader(self) -> bool:
        return self.store.read().is_leader(self.unit_name)

    def later(self, change: Change, turn: int = 0) -> None:
        """Held back until the hook succeeds, visible to this hook at once; turn: those of a higher one are committed later."""
        change(self.draft)
        self._changes.append((turn, change))

    def now(self, change: Change) -> None:
        """Effective at once, whatever becomes of the hook."""
        with self.store.change() as model:
            change(model)
        change(self.draft)

    def flush(self, model: Model) -> None:
        """Replays what was held back. Raises ToolError when it is refused as a whole."""
        for _, change in sorted(self._changes, key=lambda entry: entry[0]):
            change(model)

    # ------------------------------------------------------------ relations

    def relation(self, relation_id: int) -> Relation:
        return self.draft.relations[str(relation_id)]

    def own_relations(self) -> list[Relation]:
        """Relations that relation-ids lists: those this unit has joined, in -broken too.

        Juju's agent asks for a relation's life when it joins it and when it starts, and not again
        (internal/worker/uniter/relation/statetracker.go). It leaves out what was dying then and has
        no units left (runner/context/contextfactory.go), so that what -broken sees depends on
        whether the agent has been started anew since.
        """
        memory = self.unit.agent.relations
        return [r for r in self.draft.relations_of(self.app_name) if str(r.id) in memory and (
                    r.peer() or not memory[str(r.id)].dying or memory[str(r.id)].members)]

    def relation_name(self, relation: Relation) -> str:
        end = relation.endpoint_of(self.app_name)
        return f"{end.name if end else ''}:{relation.id}"

    def members(self, relation: Relation) -> list[str]:
        """Remote units as this agent has seen them, the hook's own news included."""
        memory = self.unit.agent.relations.get(str(relation.id))
        names = set(memory.members) if memory else set()
        hook = self.hook
        if hook and hook.relation == relation.id and hook.kind == "relation-broken":
            return []  # of one that is run by hand, too
        if hook and hook.relation == relation.id and hook.remote_unit:
            if hook.kind == "relation-departed":
                names.discard(hook.remote_unit)
            elif hook.kind in ("relation-joined", "relation-changed"):
                names.add(hook.remote_unit)
        return sorted(names)

    def settings(self, relation: Relation, owner: str) -> dict[str, str]:
        """The bag of a unit or an application of a relation; ToolError when there is none."""
        if "/" in owner:
            bag = relation.units.get(owner)
            other = self.draft.units.get(owner)
            if bag is None or (other is not None and owner != self.unit_name
                               and not sees(self.draft, relation, self.unit, other)):
                raise ToolError(f'cannot read settings for unit "{owner}" in relation '
                                f'"{relation.key()}": unit "{owner}": settings not found')
            return bag.settings
        bag = relation.apps.get(owner)
        if bag is None:
            raise ToolError("permission denied")
        return bag.settings

    def host_path(self, name: str, cwd: str) -> Path:
        """A file named by the hook, as the agent opens it."""
        return self.named_path(os.path.join(cwd, name))

    # Set by the agent: how paths of the machine and of this host translate.
    machine_path: Callable[[str], Path] = staticmethod(Path)
    named_path: Callable[[str], Path] = staticmethod(Path)
    shown_path: Callable[[str], str] = staticmethod(str)
