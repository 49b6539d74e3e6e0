# SPDX-License-Identifier: GPL-3.0-only
# shellcheck shell=bash
# What almost every hook does: bring the broker to what is wanted now, then answer the relations.

here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/charms/rabbitmq-server/lib/broker.sh
. "$here/broker.sh"
# shellcheck source=tests/charms/rabbitmq-server/lib/relation.sh
. "$here/relation.sh"

reconcile() {
    peer_names_into_hosts
    broker_start
    cluster_publish
    cluster_join
    if [ "$(config-get ssl)" != off ]; then certificate_make || true; fi
    if [ -n "$(broker_configure)" ]; then broker_restart; fi
    broker_ports
    relations_answer
    broker_status
}
