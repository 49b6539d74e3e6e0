# SPDX-License-Identifier: GPL-3.0-only
"""bench-hook: what one hook of a charm costs, apart from the hook tools and a scratch machine's recorders."""
from __future__ import annotations

import collections
import json
from typing import Any

from . import controller
from .agent import Agent, Outcome
from .errors import JujuLocalError
from .verbs import BUSY, Arguments, Session
from .verbs_run import planned_hook


def _sample(outcome: Outcome, stand_ins_us: int) -> dict[str, float]:
    """CPU and memory from wait4() in the machine, the tools' share as they report it."""
    usage, cost = outcome.usage, outcome.cost
    cpu = (cost["user_us"] + cost["system_us"]) / 1000
    tools_cpu = (usage.client_cpu_us + stand_ins_us) / 1000
    return {"wall_ms": cost["wall_us"] / 1000, "cpu_ms": max(0.0, cpu - tools_cpu),
            "cpu_with_tools_ms": cpu, "maxrss_kib": cost["maxrss_kib"],
            "tool_calls": len(usage.calls), "tools_wall_ms": usage.client_wall_us / 1000,
            "tools_cpu_ms": tools_cpu, "tools_server_ms": usage.server_wall_us / 1000}


def _stand_ins_us(agent: Agent) -> int:
    """CPU of a scratch machine's recorders until now: they take the place of systemctl and others."""
    records = agent.machine.records() if hasattr(agent.machine, "records") else []
    return sum(record.get("cpu_us", 0) for record in records)


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def bench_hook(session: Session, args: Arguments) -> int:
    code = session.settle()
    if code:
        return code
    session.console.quiet = not session.console.verbose
    samples, calls = [], collections.Counter[str]()
    with session.store.agents(BUSY):
        name = controller.unit(session.store.read(), args.unit).name
        agent = Agent(session.store, session.console, name)
        for _ in range(args.n):
            model = session.store.read()
            hook = planned_hook(session, model, model.units[name], args.hook, args)
            outcomes: list[Outcome] = []
            before = _stand_ins_us(agent)
            good = agent.run_hook(hook, measure=True, ret_outcome=outcomes)
            if outcomes and outcomes[0].missing:
                raise JujuLocalError(f'the charm has no hook "{args.hook}"')
            if not good or not outcomes[0].cost:
                tail = "\n".join(line for _, line in outcomes[0].lines[-10:])
                raise JujuLocalError(f"{args.hook} failed while it was measured: "
                                     f"{outcomes[0].unusable or 'status ' + str(outcomes[0].code)}"
                                     f"\n{tail}")
            samples.append(_sample(outcomes[0], _stand_ins_us(agent) - before))
            calls = collections.Counter(outcomes[0].usage.calls)
    keys = list(samples[0])
    report: dict[str, Any] = {
        "unit": name, "hook": args.hook, "runs": len(samples),
        "median": {k: round(_median([s[k] for s in samples]), 3) for k in keys},
        "min": {k: round(min(s[k] for s in samples), 3) for k in keys},
        "max": {k: round(max(s[k] for s in samples), 3) for k in keys},
        "tools": dict(sorted(calls.items())), "samples": samples}
    print(json.dumps(report, indent=2))
    return 0
