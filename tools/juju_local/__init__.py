# SPDX-License-Identifier: GPL-3.0-only
"""juju-local: a small stand-in for a Juju controller and its unit agents.

How a verb travels through the modules:

    cli ── verbs_* ──▶ controller   changes the state on disk (model.Store)
                 └──▶ settle        runs agents until nothing is left to do
                        └─ agent    runs what resolver says comes next, on a machine
                             └─ server ── tools ── context   answers the hook tools

The state on disk is the only truth. resolver decides from it, commit moves it on.
"""
