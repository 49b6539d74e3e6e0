# SPDX-License-Identifier: GPL-3.0-only
# shellcheck shell=bash
# The broker on this unit: package, configuration, certificates, cluster. Every hook reads this file.
#
# What the units share goes through the application's bag of the peer relation, written by the leader:
# cookie, node (its node name), ca and ca-key (base64), password-USER. No password is ever an argument
# of a command: the tools get them on stdin.

set -euo pipefail

MEMORY=/var/lib/rabbitmq-charm
CONF=/etc/rabbitmq/rabbitmq.conf
COOKIE=/var/lib/rabbitmq/.erlang.cookie

ctl() { rabbitmqctl -q "$@"; }
is_leader() { [ "$(is-leader)" = True ]; }
peers_id() { relation-ids cluster | head -n 1; }
own_address() { network-get amqp --ingress-address 2>/dev/null || unit-get private-address; }
running() { systemctl -q is-active rabbitmq-server; }
new_secret() { tr -dc 'a-zA-Z0-9' < /dev/urandom 2>/dev/null | head -c "$1" || true; }

# ---------------------------------------------------------------- what the units share

shared_get() { # KEY
    local id
    id=$(peers_id)
    if [ -n "$id" ]; then
        relation-get -r "$id" --app "$1" "${JUJU_UNIT_NAME%/*}"
    elif [ -e "$MEMORY/shared/$1" ]; then
        cat "$MEMORY/shared/$1"
    fi
}

shared_set() { # KEY, value on stdin; leader only
    local id value
    value=$(cat)
    id=$(peers_id)
    (umask 077; mkdir -p "$MEMORY/shared"; printf '%s' "$value" > "$MEMORY/shared/$1")
    [ -z "$id" ] || printf '%s: "%s"\n' "$1" "$value" | relation-set -r "$id" --app --file -
}

# ---------------------------------------------------------------- package and configuration

broker_install() {
    status-set maintenance "Installing rabbitmq-server"
    mkdir -p "$MEMORY/relations"
    chmod 700 "$MEMORY"
    # there before the package is: its first start is then the only one
    mkdir -p /etc/rabbitmq
    broker_configure > /dev/null
    if ! dpkg-query -W -f '${db:Status-Status}' rabbitmq-server 2>/dev/null | grep -qx installed; then
        apt-cache show rabbitmq-server > /dev/null 2>&1 || apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
            -o Dpkg::Options::=--force-confold rabbitmq-server openssl < /dev/null
    fi
    application-version-set "$(dpkg-query -W -f '${Version}' rabbitmq-server)"
}

replace_if_different() { # FILE MODE, content on stdin; prints "changed" when it was
    local new=$1.new
    cat > "$new"
    chmod "$2" "$new"
    if cmp -s "$new" "$1"; then
        rm -f "$new"
    else
        if getent passwd rabbitmq > /dev/null; then chown rabbitmq:rabbitmq "$new"; fi
        mv "$new" "$1"
        echo changed
    fi
}

broker_configuration() {
    local ssl port timeout
    ssl=$(config-get ssl)
    port=$(config-get ssl_port)
    timeout=$(config-get consumer-timeout)
    echo "log.file.level = info"
    if [ "$ssl" = only ]; then echo "listeners.tcp = none"; else echo "listeners.tcp.default = 5672"; fi
    if [ "$ssl" != off ] && [ -e /etc/rabbitmq/server.pem ]; then
        printf 'listeners.ssl.default = %s\n' "$port"
        printf 'ssl_options.%s\n' "cacertfile = /etc/rabbitmq/ca.pem" \
            "certfile = /etc/rabbitmq/server.pem" "keyfile = /etc/rabbitmq/server.key" \
            "verify = verify_none" "fail_if_no_peer_cert = false"
    fi
    [ "${timeout:-0}" = 0 ] || printf 'consumer_timeout = %.0f\n' "$timeout"
}

broker_configure() { # prints "changed" when the broker has to be started again
    broker_configuration | replace_if_different "$CONF" 0644
    if [ "$(config-get management_plugin)" = True ]; then
        echo "[rabbitmq_management]."
    else
        echo "[]."
    fi | replace_if_different /etc/rabbitmq/enabled_plugins 0644
}

broker_ports() {
    local ssl
    ssl=$(config-get ssl)
    if [ "$ssl" = only ]; then close-port 5672/tcp; else open-port 5672/tcp; fi
    if [ "$ssl" != off ]; then open-port "$(config-get ssl_port)/tcp"; else close-port "$(config-get ssl_port)/tcp"; fi
    if [ "$(config-get management_plugin)" = True ]; then open-port 15672/tcp; else close-port 15672/tcp; fi
}

broker_start() {
    chown rabbitmq:rabbitmq "$CONF" /etc/rabbitmq/enabled_plugins
    if ! running; then
        systemctl start rabbitmq-server
    fi
    ctl await_startup
}

broker_restart() {
    status-set maintenance "Restarting rabbitmq-server"
    systemctl restart rabbitmq-server
    ctl await_startup
}

# ---------------------------------------------------------------- certificates

ca_make() { # the leader's: the CA all units' certificates are signed by
    local dir
    dir=$(mktemp -d)
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=rabbitmq-server-ca \
        -keyout "$dir/key" -out "$dir/ca" 2> /dev/null
    base64 -w0 "$dir/key" | shared_set ca-key
    base64 -w0 "$dir/ca" | shared_set ca
    rm -rf "$dir"
}

certificate_make() { # this unit's; fails quietly while the leader has not made a CA
    local dir address
    [ -n "$(shared_get ca)" ] || { is_leader && ca_make; } || return 1
    shared_get ca | base64 -d > /etc/rabbitmq/ca.pem.new
    if [ -e /etc/rabbitmq/server.pem ] && cmp -s /etc/rabbitmq/ca.pem.new /etc/rabbitmq/ca.pem; then
        rm /etc/rabbitmq/ca.pem.new
        return 0
    fi
    address=$(own_address)
    dir=$(mktemp -d)
    shared_get ca-key | base64 -d > "$dir/ca.key"
    printf 'subjectAltName=DNS:%s,IP:%s\nbasicConstraints=CA:FALSE\n' "$(hostname)" "$address" > "$dir/san"
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$(hostname)" -keyout "$dir/server.key" \
        -out "$dir/csr" 2> /dev/null
    openssl x509 -req -in "$dir/csr" -CA /etc/rabbitmq/ca.pem.new -CAkey "$dir/ca.key" -CAcreateserial \
        -CAserial "$dir/serial" -days 3650 -extfile "$dir/san" -out "$dir/server.pem" 2> /dev/null
    install -m 0640 -o root -g rabbitmq "$dir/server.key" "$dir/server.pem" /etc/rabbitmq/
    mv /etc/rabbitmq/ca.pem.new /etc/rabbitmq/ca.pem
    rm -rf "$dir"
}

# ---------------------------------------------------------------- cluster

peer_names_into_hosts() { # every node finds the others by the name in its node name
    local id unit name address
    id=$(peers_id)
    [ -n "$id" ] || return 0
    for unit in $(relation-list -r "$id"); do
        name=$(relation-get -r "$id" hostname "$unit")
        address=$(relation-get -r "$id" private-address "$unit")
        if [ -z "$name" ] || [ -z "$address" ] || grep -qFx "$address $name" /etc/hosts; then continue; fi
        sed -i "/ $name\$/d" /etc/hosts
        echo "$address $name" >> /etc/hosts
    done
}

cluster_publish() {
    local id
    id=$(peers_id)
    [ -n "$id" ] || return 0
    relation-set -r "$id" "hostname=$(hostname)" "private-address=$(own_address)"
    is_leader && in_cluster || return 0
    [ -n "$(shared_get cookie)" ] || shared_set cookie < "$COOKIE"
    # a new leader is the one to join from now on
    [ "$(shared_get node)" = "rabbit@$(hostname)" ] || echo "rabbit@$(hostname)" | shared_set node
    touch "$MEMORY/clustered"
}

# Whether what this unit's broker holds is the application's: the leader's own, or joined to it.
in_cluster() { [ -e "$MEMORY/clustered" ] || { is_leader && [ -z "$(shared_get node)" ]; }; }

cluster_join() { # once, when the leader has told its node and cookie
    local node
    node=$(shared_get node)
    if in_cluster || [ -z "$node" ]; then return 0; fi
    getent hosts "${node#*@}" > /dev/null || return 0
    status-set maintenance "Joining the cluster of $node"
    systemctl stop rabbitmq-server
    (umask 077; shared_get cookie > "$COOKIE.new")
    chown rabbitmq:rabbitmq "$COOKIE.new"
    chmod 400 "$COOKIE.new"
    mv "$COOKIE.new" "$COOKIE"
    systemctl start rabbitmq-server
    ctl await_startup
    ctl stop_app
    ctl reset
    ctl join_cluster "$node"
    ctl start_app
    touch "$MEMORY/clustered"
}

# The peers are not to be seen any more when a unit goes: the node itself knows whether it has others.
cluster_leave() {
    if [ -e "$MEMORY/clustered" ] && running; then
        ctl stop_app
        ctl reset || juju-log -l WARNING "the node did not leave its cluster in order"
        rm -f "$MEMORY/clustered"
    fi
}

# ---------------------------------------------------------------- status

broker_status() {
    if ! running; then
        status-set blocked "RabbitMQ does not run: see systemctl status rabbitmq-server"
    elif ! in_cluster; then
        status-set waiting "Waiting for the leader to form the cluster"
    elif [ "$(config-get ssl)" != off ] && [ ! -e /etc/rabbitmq/server.pem ]; then
        status-set waiting "Waiting for the leader to make the CA"
    else
        status-set active "Unit is ready"
    fi
}
